"""What each modality is worth, for a run and for the last clip."""
