"""PDFs into Chroma as LlamaIndex's own guides do it. Runs in the rivals' environment: MODEL STORE FIRST PDF..."""

from __future__ import annotations

import json
import sys
import time

import chromadb
from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.chroma import ChromaVectorStore

model, store, first, *paths = sys.argv[1:]
embedding = HuggingFaceEmbedding(model_name=model)
collection = chromadb.PersistentClient(store).get_or_create_collection("documents")
context = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))


def index(files: list[str]) -> int:
    """Pages of the PDFs."""
    pages = SimpleDirectoryReader(input_files=files).load_data()
    VectorStoreIndex.from_documents(pages, storage_context=context, embed_model=embedding)
    return len(pages)


index([first])  # loads and warms what is loaded lazily
before = collection.count()
began = time.perf_counter()
pages = index(paths)
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "pages": pages, "chunks": collection.count() - before}))
