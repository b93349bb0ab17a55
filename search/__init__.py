"""Corpora, engines, click models, simulated users, session log and metrics. Runs without torch."""
