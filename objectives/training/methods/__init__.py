"""Methods of tuning, one file each; the table of their names is `spaces.methods.METHODS`."""
