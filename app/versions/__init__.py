"""Model versions: their store, activation and rollback, shadows, and the guards around a rewriter."""
