"""Where log-probabilities and logits are cut off, so that they stay finite. No torch."""

MASKED_LOGIT = -1e9
"""Logit of a banned token: exp underflows to exactly 0 in float32, and log-probabilities stay finite."""
TINY = 1e-30
"""Least probability of a term in a mixture, and least sum or length to divide by; float32 goes down to 1e-38."""
