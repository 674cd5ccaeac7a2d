"""Who speaks when: `diarise(waveform)` tells the speakers of a recording apart, offline."""

from mmer_core.media.speakers.diarisation import Diarisation, Spoken, Turn, diarise, heard
from mmer_core.media.speakers.weight_files import SpeakersUnavailable

__all__ = ["Diarisation", "SpeakersUnavailable", "Spoken", "Turn", "diarise", "heard"]
