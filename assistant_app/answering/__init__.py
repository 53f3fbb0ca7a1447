"""A question becomes a cited answer: prompts, citations, the answer itself."""
