"""The schema of the session log, one revision per file in `versions`; `untilclick.search.log.database` runs them."""
