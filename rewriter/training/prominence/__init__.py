"""How much the prominence of documents counts in a blend, chosen on held-out needs."""
