"""Docent: a desktop document assistant whose answers cite the page, offline."""

__version__ = "0.1.0"
