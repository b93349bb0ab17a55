"""Query rewriters that a learned policy must beat, and the oracle, their upper bound."""
