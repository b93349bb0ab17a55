"""Training of policies: supervised, return-weighted and by distillation; validation, weights, logs."""
