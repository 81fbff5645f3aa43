"""Which texts and which settings matter: effects, ranking, interactions, importances, and whether trials are enough."""
