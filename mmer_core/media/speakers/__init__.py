"""Who speaks when: `diarise(waveform)` tells the speakers of a recording apart, offline."""

from mmer_core.media.speakers.diarisation import Diarisation, Spoken, Turn, diarise
from mmer_core.media.speakers.weight_files import SpeakersUnavailable

__all__ = ["Diarisation", "SpeakersUnavailable", "Spoken", "Turn", "diarise"]
