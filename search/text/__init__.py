"""From text to terms: analysis, spelling correction, synonyms, near duplicates, and the term counts of a corpus."""
