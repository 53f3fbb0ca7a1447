"""Speed and memory, measured: ratios of interleaved runs, printed and never asserted. See docs/performance.md."""
