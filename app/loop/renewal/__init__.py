"""Renewal of a served model: train a version from the log, compare it with the active one, and activate the
better."""
