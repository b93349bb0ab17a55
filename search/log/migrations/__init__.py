"""The schema of the session log, one revision per file under `versions`; run by `migrate.py`."""
