"""PPO: the losses, the experience of a round, the built-in trainer and its checkpoint."""
