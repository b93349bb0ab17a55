"""Input and output of a policy: vocabulary, prompts, term weights, subword settings. No torch."""
