"""Which face speaks: scenes of which that is known, and how often the right face is found."""
