"""Training data: logged queries and actions, hindsight targets, pseudo-queries, rewards, environments."""
