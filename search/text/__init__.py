"""What is made of the terms and words of a corpus: their counts, spelling correction, near duplicates and a table of
titles."""
