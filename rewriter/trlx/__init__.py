"""PPO and ILQL in trlX's loop: configuration, trainers, prompts, rewards and checkpoints for trlX."""
