"""The session log: its database, its readers and writers, and exchange with other tools."""
