"""Search, rewriting and logging without HTTP."""
