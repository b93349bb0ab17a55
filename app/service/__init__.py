"""The search service without HTTP: it searches, rewrites and logs."""
