"""Approved answers become a LoRA adapter: examples, packing, training, and the card that says what came of it."""
