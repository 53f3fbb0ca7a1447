"""What the window and the engine say to each other: typed messages, one JSON line each."""
