"""What is known, and finding it: the catalogue (SQLite), the vectors (Chroma), indexing, retrieval."""
