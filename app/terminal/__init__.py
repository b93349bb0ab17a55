"""Output of the commands: tables, progress bars, line breaks."""
