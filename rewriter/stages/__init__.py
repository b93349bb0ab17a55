"""The training stages and the export, one file per command; each has a `main(config)` that returns what it wrote."""
