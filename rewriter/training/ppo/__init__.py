"""PPO: the losses, the experience of a round, the built-in trainer and its checkpoints.

Read `trainer.py` first: a round draws sequences, asks for their rewards, estimates advantages (`experience.py`) and
makes optimiser steps on the loss (`objective.py`). Every formula is in `losses.py`.
"""
