"""From text to index terms, in one way for engines, prompts, spelling, simulated users, snippets and highlighting."""
