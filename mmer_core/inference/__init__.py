"""A model that answers clips: prediction, timeline, live reading."""
