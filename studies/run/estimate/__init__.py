"""`mixtune estimate`: predict how long a study takes, before it is launched."""
