"""The senses of English words after Princeton WordNet: its files, and the table of them that the package carries."""
