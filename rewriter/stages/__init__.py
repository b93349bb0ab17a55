"""The training stages and the export, one file per command; `main(config)` of each returns the folder it wrote."""
