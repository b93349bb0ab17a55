"""What follows a simulation: its sessions compared with those of a real log, in a table and a plot."""
