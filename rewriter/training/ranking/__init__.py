"""Losses of learning to rank, from the scores of candidate documents and the gain of each. One loss a file."""
