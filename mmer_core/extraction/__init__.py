"""From a corpus to features: encoders run over its clips, in parallel and resumable."""
