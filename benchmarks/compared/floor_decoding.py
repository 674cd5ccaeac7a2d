"""The floor: PyAV decodes a file, pictures and sound, and nothing is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compared.stopwatch import Work, measure


def prepare(inputs: Mapping[str, Any]) -> Work:
    """Decodes `path`."""
    import av

    def work() -> dict[str, Any]:
        with av.open(str(inputs["path"])) as file:
            for stream in file.streams.video:
                stream.thread_type = "AUTO"
            counts = {"video": 0, "audio": 0}
            for packet in file.demux(*file.streams.video[:1], *file.streams.audio[:1]):
                counts[packet.stream.type] += len(packet.decode())
        return {"detail": f"{counts['video']} frames, {counts['audio']} blocks of sound"}

    return work


if __name__ == "__main__":
    measure(prepare, ("av",))
