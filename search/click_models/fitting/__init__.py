"""Fits of click models to logged result lists, and measures of how well the models predict clicks."""
