"""The whole loop as programs: demo, simulation, training, evaluation, renewal of the served model."""
