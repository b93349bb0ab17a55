"""Sentence-transformers models: loaded with torch, and converted for `search/text/encoders/`."""
