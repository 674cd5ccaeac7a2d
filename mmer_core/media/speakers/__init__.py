"""Who speaks when, offline: `diarise(waveform)` for a whole recording, `SpeakerStream` for one that is still
being read.
"""

from mmer_core.media.speakers.diarisation import SpeakerStream, diarise
from mmer_core.media.speakers.turns import Diarisation, Spoken, Turn, heard
from mmer_core.media.weight_files import WeightsUnavailable

__all__ = ["Diarisation", "SpeakerStream", "Spoken", "Turn", "WeightsUnavailable", "diarise", "heard"]
