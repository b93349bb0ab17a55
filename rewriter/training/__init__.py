"""Training of policies: supervised, return-weighted, by distillation and by PPO; validation, best weights, logs."""
