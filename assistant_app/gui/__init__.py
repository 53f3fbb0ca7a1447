"""The window: Qt, and nothing but Qt. It speaks to the engine over a pipe."""
