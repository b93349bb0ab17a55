"""Comparison of rewriters on held-out topics: systems, statistics, simulated sessions, champion."""
