"""Every verb, once: the service, and the server that offers it over a pipe."""
