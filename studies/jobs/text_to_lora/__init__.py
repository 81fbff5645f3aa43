"""`mixtune t2l`: trains hypernetworks on a study or on tasks, writes adapters with them, and rates new texts."""
