"""A whole recording on the Analyze page: read in the background, a line for each utterance."""
