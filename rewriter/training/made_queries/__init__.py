"""Choosing a blend on queries that were made from the documents they want."""
