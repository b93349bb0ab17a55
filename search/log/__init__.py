"""The session log: its database, reading and writing sessions, figures, and exchange with other tools."""
