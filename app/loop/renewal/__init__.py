"""Renewal of a served model: train a version, compare it with the active version, activate it if it is better."""
