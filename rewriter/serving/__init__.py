"""The exported rewriter: its bundle, its runtime, and the blend of query and rewrite. No torch."""
