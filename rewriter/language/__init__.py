"""What a policy reads and writes: vocabulary, prompts, targets, term weights, settings of subwords. No torch."""
