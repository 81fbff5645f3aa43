"""Fine-tuning methods, one per file; their names are listed in `spaces.methods.METHODS`."""
