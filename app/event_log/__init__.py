"""Events on their way to the session log: first into a file on the local disk, then into the database."""
