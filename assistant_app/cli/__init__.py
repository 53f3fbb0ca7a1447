"""The command line: the same service, in process."""
