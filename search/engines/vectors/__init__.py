"""Vectors of a corpus's documents on disk: encoded once, mapped into memory, shared by all processes."""
