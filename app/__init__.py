"""The HTTP service, its page and the `untilclick` command line. Imports no trainer at import time."""
