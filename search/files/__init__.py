"""Files: text lines, JSON records and secrets are read; files are written whole or not at all."""
