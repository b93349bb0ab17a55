"""From text to terms: analysis, spelling, synonyms, near-duplicates, and counts of terms in a corpus."""
