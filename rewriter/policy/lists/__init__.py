"""Lists of documents as actions: the Plackett-Luce policy over the candidates of a query."""
