"""Simulated sessions beside real ones: statistics of sessions, their comparison, and users fitted to a log."""
