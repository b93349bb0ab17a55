"""Model versions: store, activation and rollback, the shadow, and the limits of a rewriter."""
