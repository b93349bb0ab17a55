"""PPO: the losses, the experience of a round, the built-in trainer and its checkpoints.

Read `trainer.py` first: a round draws sequences, asks for their rewards, estimates advantages (`experience.py`) and
makes optimiser steps on the loss (`objective.py`). Every formula is in `losses.py`.

On lists of documents, `list_trainer.py` does the same for any scorer of documents: `list_rewards.py` has the clicks
that lists are paid, `list_objective.py` the loss.
"""
