"""Policies: the T5 with its document memory, drawing and scoring of rewrites, losses of targets, model folders."""
