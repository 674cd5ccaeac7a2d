"""The service behind the routes: one model in memory, a lane and workers for each kind of request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mmer_core.inference.baseline import Baseline
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, load_clip
from mmer_core.service.asked import Clips
from mmer_core.service.batching import Batcher
from mmer_core.service.lanes import Lane
from mmer_core.service.metrics import Metrics
from mmer_core.service.refusals import Refusal, later
from mmer_core.service.sentences import Sentence, answer_sentences
from mmer_core.service.settings import Settings
from mmer_core.service.uploads import Upload

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.service.recordings import RecordingReading

LOADING = 5  # seconds after which to ask a service again that loads its model
CLOSING = "the service is shutting down: send the request again later"
T = TypeVar("T")
Known = Mapping[Modality, Baseline]


class Service:
    """What answers requests.

    Args:
        settings: bounds.
        load: reads the model; called once, in a thread of its own, by `start`.

    Attributes:
        settings: bounds.
        metrics: figures.
        words, clips, recordings: the lanes.
        failure: why the model could not be loaded; None if it was, or is still being loaded.
        closing: new requests are refused.
        readings: recordings that are being read.
    """

    def __init__(self, settings: Settings, load: Callable[[], EmotionModel]) -> None:
        self.settings, self._load = settings, load
        self.metrics = Metrics()
        self.words = Lane("words", 1, settings.queue, self.metrics)
        self.clips = Lane("clips", settings.workers, settings.queue, self.metrics)
        self.recordings = Lane("recordings", 1, 0, self.metrics)
        self.failure: Exception | None = None
        self.closing = False
        self.readings: set[RecordingReading] = set()
        self._model: EmotionModel | None = None
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="mmer-clips")
        self._batcher: Batcher[Sentence, Prediction] = Batcher(
            self._sentences,
            window=settings.window,
            most=settings.batch,
            waited=lambda seconds: self.metrics.stage("wait", seconds),
        )

    def start(self, failed: Callable[[], None] = lambda: None) -> None:
        """Load the model in the background; `failed` is called if it cannot be, with `failure` set."""
        threading.Thread(target=self._start, args=(failed,), name="mmer-load", daemon=True).start()

    def _start(self, failed: Callable[[], None]) -> None:
        try:
            model = self._load()
            model.warm_up()
        except Exception as error:  # noqa: BLE001  raised where the service was started
            self.failure = error
            failed()
            return
        self._model = model
        self.metrics.ready.set(1)

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self._model is not None and not self.closing

    @property
    def model(self) -> EmotionModel:
        """The model.

        Raises:
            Refusal: it is not loaded yet, or the service is being shut down.
        """
        if self.closing:
            raise later(503, CLOSING, LOADING)
        if self._model is None:
            raise later(503, "the model is being loaded: try again in a few seconds", LOADING)
        return self._model

    def close(self) -> None:
        """Refuse what comes and what waits; what is worked on is finished, and recordings end after the
        present utterance.
        """
        self.closing = True
        self.metrics.ready.set(0)
        self._batcher.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for reading in list(self.readings):
            reading.stop()

    def join(self) -> None:
        """Wait until the workers are done; after `close`."""
        self._batcher.join()
        self._pool.shutdown(wait=True)
        for reading in list(self.readings):
            reading.join()

    def submit_sentence(self, sentence: Sentence) -> Future[Prediction]:
        """The answer to words, which are read together with others that wait."""
        return self._batcher.submit(sentence)

    def submit_baseline(self, clips: Clips) -> Future[Known]:
        """How the speaker usually is; a `Refusal` is raised where that cannot be told from the files."""
        model = self.model
        return self._submit(lambda: _baseline(model, clips))

    def submit_clips(self, clips: Clips, known: Known) -> list[Future[Prediction | str]]:
        """For each clip its answer, or one sentence on why it cannot be read; compared with a baseline, if
        one is known.
        """
        model, since = self.model, time.monotonic()
        return [
            self._submit(partial(self._clip, model, upload, clips, known, since)) for upload in clips.uploads
        ]

    def _submit(self, job: Callable[[], T]) -> Future[T]:
        try:
            return self._pool.submit(job)
        except RuntimeError:  # closed meanwhile
            raise later(503, CLOSING, LOADING) from None

    def _clip(
        self, model: EmotionModel, upload: Upload, clips: Clips, known: Known, since: float
    ) -> Prediction | str:
        began = time.monotonic()
        self.metrics.stage("wait", began - since)
        try:
            clip = load_clip(upload.path, name=upload.name, text=clips.text, limits=self.settings.limits)
        except MediaError as error:
            self.metrics.refused.labels("file").inc()
            return str(error)
        decoded = time.monotonic() - began
        observation = model.observe(clip.after(clips.before), use=clips.use)
        prediction = model.fuse(model.with_baseline(observation, known), clips.use)
        prediction.timings["decode"] = decoded
        self.metrics.stages(prediction.timings)
        self.clips.took(time.monotonic() - began)
        return prediction

    def _sentences(self, sentences: Sequence[Sentence]) -> list[Prediction | Exception]:
        assert self._model is not None, "sentences are taken when the model is loaded"
        began = time.monotonic()
        answers = answer_sentences(self._model, sentences)
        self.metrics.batch.observe(len(sentences))
        for answer in answers:
            if isinstance(answer, Prediction):
                self.metrics.stages(answer.timings)
        self.words.took(time.monotonic() - began, len(sentences))
        return answers


def _baseline(model: EmotionModel, clips: Clips) -> Known:
    """How the speaker usually is.

    Raises:
        Refusal: a file of it cannot be read, or the model takes none.
    """
    try:
        return model.baseline(clips.baseline)
    except (MediaError, ValueError) as error:
        raise Refusal(422, f"the baseline cannot be used: {error}") from error
