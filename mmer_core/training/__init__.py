"""Training: one loop for every network, its settings, and the request that a training is made of."""
