"""The command `untilclick`: `main` has the command tree, every other file the commands of one group."""
