"""Training: one loop for every fusion model, and a faster one for plain stacks of layers."""
