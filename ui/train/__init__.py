"""Choosing, starting and watching a training."""
