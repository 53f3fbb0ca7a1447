"""What answers: GGUF files, llama.cpp, LoRA adapters."""
