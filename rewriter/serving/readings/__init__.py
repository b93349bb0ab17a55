"""How rewrites become rankings, for all that rank: service, shadow, verdicts, evaluations, one search. No torch."""
