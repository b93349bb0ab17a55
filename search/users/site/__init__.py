"""The users of one site, as its own session log shows them."""
