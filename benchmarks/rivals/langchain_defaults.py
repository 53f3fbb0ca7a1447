"""PDFs into Chroma as LangChain's own guides do it. Runs in the rivals' environment: MODEL STORE FIRST PDF..."""

from __future__ import annotations

import json
import sys
import time

from langchain_chroma import Chroma
from langchain_community.document_loaders import PyPDFLoader
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

model, store, first, *paths = sys.argv[1:]
embeddings = HuggingFaceEmbeddings(model_name=model)
splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
chroma = Chroma(collection_name="documents", embedding_function=embeddings, persist_directory=store)


def index(path: str) -> tuple[int, int]:
    """Pages and chunks of one PDF."""
    pages = PyPDFLoader(path).load()
    chunks = splitter.split_documents(pages)
    chroma.add_documents(chunks)
    return len(pages), len(chunks)


index(first)  # loads and warms what is loaded lazily
began = time.perf_counter()
counts = [index(path) for path in paths]
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "pages": sum(pages for pages, _ in counts), "chunks": sum(n for _, n in counts)}))
