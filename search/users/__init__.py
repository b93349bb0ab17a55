"""Simulated users: their needs, queries and misspellings, and the search sessions that they leave in the log."""
