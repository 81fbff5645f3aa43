"""Text-to-LoRA: a hypernetwork that generates an adapter from a description or a text in one forward pass.

Charakorn et al., 2025, "Text-to-LoRA: Instant Transformer Adaption" (arXiv 2506.06105); for whole documents Charakorn
et al., 2026, "Doc-to-LoRA" (arXiv 2602.15902).

`target.py` selects the modules and layers, and `adapters.py` holds their adapters. `encoders.py` encodes texts, and
`network.py` and `heads.py` generate adapters from the encodings. `training_task.py` has the training data.
`reconstruction.py` and `end_to_end.py` are the two training objectives, used by `training.py`. `checkpoint.py` saves a
trained network, and `writing.py` uses one.
"""
