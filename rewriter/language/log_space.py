"""Limits that keep log-probabilities and logits finite. No torch."""

MASKED_LOGIT = -1e9
"""Logit of a banned token: its exponential is exactly 0 in float32, and log-probabilities stay finite."""
TINY = 1e-30
"""Smallest probability of a term in a mixture, and smallest sum or length to divide by; float32 reaches 1e-38."""
