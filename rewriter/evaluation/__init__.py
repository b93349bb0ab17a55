"""Every system on the same held-out topics: runs, statistics, simulated sessions, and the verdict in words."""
