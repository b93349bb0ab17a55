"""The command `untilclick`: `main.py` has the command tree, each other module the commands of one group.

A module here declares options and imports nothing heavy, so that `--help` is quick and needs no torch. A command
first reads its settings, then imports the module of `untilclick.app.loop` that does its work.
"""
