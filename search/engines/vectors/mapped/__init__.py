"""Search among vectors that lie in a file which processes map and share, exact or approximate."""
