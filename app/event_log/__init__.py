"""Events on their way to the session log: spooled to disk first, then delivered to the database."""
