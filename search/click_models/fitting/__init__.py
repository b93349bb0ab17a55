"""Fitting click models to logged result lists, and measuring how well they predict clicks."""
