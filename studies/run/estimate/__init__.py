"""`mixtune estimate`: how long a study will take, before it is begun."""
