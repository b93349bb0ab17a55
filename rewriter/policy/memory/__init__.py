"""The memory of the corpus's documents, which the policy attends to."""
