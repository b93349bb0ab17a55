"""Prompts, the T5 policy, warm start, rewards, PPO, evaluation, report and export."""
