"""`mixtune t2l`: training a hypernetwork on a study or on tasks, writing adapters with it, rating new texts."""
