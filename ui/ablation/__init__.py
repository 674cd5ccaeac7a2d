"""The worth of each modality, for a run and for the last clip."""
