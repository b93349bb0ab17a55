"""Sentence encoders: the meaning of a text as a vector. No torch: `rewriter/policy/encoders/` converts models."""
