"""Settings that make every stage of the loop small enough for a test."""

TOY = """
sessions = 60
[policy]
d_model = 32
d_ff = 32
[base]
steps = 4
[warm_start]
epochs = 2
[ppo]
iterations = 3
prompts_per_iteration = 8
samples_per_prompt = 4
validate_every = 1
checkpoint_every = 1
[evaluate]
sessions = 10
resamples = 50
"""
