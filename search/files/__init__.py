"""Reading and writing files: lines, JSON records, secrets, and files that appear whole or not at all."""
