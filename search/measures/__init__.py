"""How good a ranking is: measures, fusion and interleaving of rankings, TREC run files."""
