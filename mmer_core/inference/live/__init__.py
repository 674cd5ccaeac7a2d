"""Reading a camera and a microphone as they run: newest picture only, sliding windows of sound, bounded
memory. Knows no screen and no network.
"""

from mmer_core.inference.live.moment import Moment, Point, SeenFace
from mmer_core.inference.live.reader import LiveReader
from mmer_core.inference.live.settings import LiveSettings
from mmer_core.inference.live.table import SessionTable
from mmer_core.inference.live.workers import LiveWorkers

__all__ = ["LiveReader", "LiveSettings", "LiveWorkers", "Moment", "Point", "SeenFace", "SessionTable"]
