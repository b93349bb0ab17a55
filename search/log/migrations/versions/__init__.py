"""The revisions of the schema; each file names the revision before it."""
