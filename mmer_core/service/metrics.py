"""What the service counts, for Prometheus. Labels are fixed words: no name of a file, no word of a text."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

STAGES = (
    "upload",
    "wait",
    "decode",
    "speech",
    "faces",
    "text",
    "audio",
    "visual",
    "metadata",
    "fuse",
    "total",
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ITEMS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The figures of one service.

    Attributes:
        requests: answered, by route and HTTP status.
        seconds: by stage: of a request "upload", "wait" (for its turn) and "total"; of a clip the steps of
            its prediction.
        in_hand: requests by lane, waiting or worked on.
        rejected: requests that found their lane full.
        refused: files and sentences that could not be read.
        batch: sentences that were encoded at once.
        utterances: told to clients.
        ready: 1 when the model is loaded.
    """

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)  # memory, processor time and open files of this process
        self.requests = Counter("mmer_requests", "Requests answered.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "mmer_stage_seconds", "Seconds by stage.", ["stage"], registry=own, buckets=_SECONDS
        )
        self.in_hand = Gauge("mmer_in_hand", "Requests waiting or worked on.", ["lane"], registry=own)
        self.rejected = Counter("mmer_rejected", "Requests that found no place.", ["lane"], registry=own)
        self.refused = Counter(
            "mmer_refused", "Files and sentences that could not be read.", ["kind"], registry=own
        )
        self.batch = Histogram(
            "mmer_batch_sentences", "Sentences read at once.", registry=own, buckets=_ITEMS
        )
        self.utterances = Counter("mmer_utterances", "Utterances told.", registry=own)
        self.ready = Gauge("mmer_ready", "1 when the model is loaded.", registry=own)

    def stage(self, name: str, seconds: float) -> None:
        """Count the seconds of a stage; those that are not in `STAGES` are left out."""
        if name in STAGES:
            self.seconds.labels(name).observe(seconds)

    def stages(self, timings: Mapping[str, float]) -> None:
        """Count the steps of a prediction."""
        for name, seconds in timings.items():
            self.stage(name, seconds)

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self._registry)
