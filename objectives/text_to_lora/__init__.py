"""Text-to-LoRA: a network that writes an adapter from a description, or from a text, in one forward pass.

Charakorn et al., 2025, "Text-to-LoRA: Instant Transformer Adaption" (arXiv 2506.06105); for whole documents Charakorn
et al., 2026, "Doc-to-LoRA" (arXiv 2602.15902).

`target.py` says what is written, `adapters.py` holds what was; `encoders.py` turns words into numbers, `network.py`
and `heads.py` numbers into adapters; `lessons.py` is what is learned from; `reconstruction.py` and `end_to_end.py` are
the two ways to train, driven by `training.py`; `stored.py` keeps a trained network in a folder, `writing.py` uses it.
"""
