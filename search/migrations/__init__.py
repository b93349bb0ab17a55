"""The schema of the session log, one revision per file under `versions`; run by `search.log_database.migrate`."""
