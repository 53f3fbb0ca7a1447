"""What answers: GGUF files, llama.cpp, LoRA adapters."""

import os

# libgomp reads this when llama.cpp is loaded. By itself it lets threads that wait for each other spin for milliseconds,
# which costs nothing on an idle machine; where another program keeps a core busy, an answer then comes 10 to 30 times
# slower. Spinning for some 30 microseconds before going to sleep is as quick on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# A failed assertion in llama.cpp must end the process at once: by itself it starts a debugger to print where it was,
# and where there is none, or one that may not attach, the process can hang instead of ending.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")
