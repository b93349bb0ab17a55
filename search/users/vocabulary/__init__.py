"""The words that people use for what the documents name otherwise, the same for all simulated users of a corpus."""
