"""Whole recordings: up to three hours read as a stream of utterances, summed up and written to files."""

from mmer_core.recordings.reading import forget, read_recording
from mmer_core.recordings.recording import Progress, Recording
from mmer_core.recordings.utterances import Utterance

__all__ = ["Progress", "Recording", "Utterance", "forget", "read_recording"]
