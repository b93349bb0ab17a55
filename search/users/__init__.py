"""Simulated users: their need, their queries, their typing errors, and the sessions they leave behind."""
