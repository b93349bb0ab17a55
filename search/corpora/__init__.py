"""Document collections with their topics: a reader for each source, and the opened collection."""
