"""How versions are judged: the needs of queries. No torch."""
