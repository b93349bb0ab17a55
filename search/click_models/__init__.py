"""Click models: what a user clicks on in a ranked list. One model a file; `by_name` makes a model from its name."""
