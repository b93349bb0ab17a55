"""From a trained run to a version: what held-out needs say of it, and its refit on all needs."""
