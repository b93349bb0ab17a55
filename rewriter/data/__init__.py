"""Training data: queries and actions of a log, hindsight targets, pseudo-queries, rewards, environments."""
