"""Who speaks when, offline: `diarise(waveform)` for a whole recording, `SpeakerStream` for one that is still
being read.
"""

from mmer_core.media.speakers.diarisation import SpeakerStream, diarise
from mmer_core.media.speakers.turns import Diarisation, Spoken, Turn, heard
from mmer_core.media.speakers.weight_files import SpeakersUnavailable

__all__ = ["Diarisation", "SpeakerStream", "SpeakersUnavailable", "Spoken", "Turn", "diarise", "heard"]
