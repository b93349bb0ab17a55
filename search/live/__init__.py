"""Documents that change while a service runs: a journal of the changes, and the indexes that follow it."""
