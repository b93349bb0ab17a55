"""How versions are judged: the needs of queries and the sides of a log. No torch."""
