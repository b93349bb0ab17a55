"""The rewriter in service: bundle, runtime, and the blend of query and rewrite. No torch."""
