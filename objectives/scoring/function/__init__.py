"""Scoring by a Python function of the user."""
