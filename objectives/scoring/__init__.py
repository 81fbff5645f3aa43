"""Scores of a model: questions through lm-eval, held-out text in bits per byte, scenes of reasoning."""
