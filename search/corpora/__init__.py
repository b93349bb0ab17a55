"""Document collections and their topics: a reader for each source, and the opened collection."""
