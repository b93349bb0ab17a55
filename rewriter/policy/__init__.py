"""The policies: the T5 with its document memory, how it draws and scores rewrites, and its model folder."""
