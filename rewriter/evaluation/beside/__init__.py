"""What an evaluation measures beside its topics: questions in people's words, and queries with lay words."""
