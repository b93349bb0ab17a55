"""Settings of the service and of the commands, from the environment and from TOML files."""
