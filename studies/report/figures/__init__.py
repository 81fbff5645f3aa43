"""Figures of a study; every function draws on axes of its own and returns the figure."""
