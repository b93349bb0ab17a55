"""Output of the commands: lines, tables, progress bars."""
