"""What the commands do: simulation, training, evaluation, export, the whole demo, and the renewal of a served model.

The modules here import everything that they need, torch included; a command imports the module of its work when it
runs.
"""
