"""Figures of a study; every function draws on new axes and returns the figure."""
