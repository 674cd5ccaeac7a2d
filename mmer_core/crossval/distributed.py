"""Parts of a study trained side by side, in processes of this machine or of a cluster (`mmer_core.backends`).

Each process has the study and trains one part after the other in one thread, as the trainer of the study
would, so the weights are the same wherever a part is trained.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future
from functools import partial
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from mmer_core.backends import LOCAL, backend
from mmer_core.crossval.experiment import Part, Study
from mmer_core.crossval.trainer import TrainedElsewhere, Trainer
from mmer_core.features.workers import prepare_process
from mmer_core.training.loop import Fitted, TrainingError
from mmer_core.training.multitask import Network

ENDED = (
    "a process that trained was ended (out of memory, or a crash in a library): give the command again with "
    "fewer --jobs; folds that are written stay"
)
Weights = Mapping[str, np.ndarray]
Row = Mapping[str, float]


class Returned(NamedTuple):
    """What comes back from a process.

    Attributes:
        weights: of the network, from its best epoch.
        fitted: how its training went.
        refitted: the weights after the training on both parts; None where none was asked for.
    """

    weights: Weights
    fitted: Fitted
    refitted: Weights | None


class TrainingProcesses:
    """Trains parts of a study in processes, in the order in which they are asked for.

    Args:
        trainer: of the study; it asks for a part when it needs it.
        jobs: how many processes.
        where: name of the backend.
        progress: called in a thread with a part and the row of its history after each of its epochs, where
            the processes are of this machine; those of a cluster tell at the end of a part.

    Raises:
        BackendUnavailable: the backend cannot be used.
        ValueError: the study trains on an accelerator, which processes do not share.
    """

    def __init__(
        self, trainer: Trainer, jobs: int, where: str, progress: Callable[[Part, Row], None]
    ) -> None:
        if trainer.study.device != "cpu":
            raise ValueError(
                f"processes side by side train on the processor, not on {trainer.study.device}: leave out "
                "--jobs and --backend, or --device"
            )
        self._trainer = trainer
        self._rows = _Rows(progress) if where == LOCAL else None
        wires = None if self._rows is None else self._rows.wires
        self._executor = backend(where).executor(jobs, _start, (trainer.study, wires))
        self._pending: dict[Part, Future[Returned]] = {}
        trainer.elsewhere = self._take

    def submit(self, parts: Iterable[Part], refit: Callable[[Part], bool]) -> None:
        """Hand parts out.

        Args:
            parts: each is trained once.
            refit: whether a part is known to be trained again, on the training and the validation part
                together, for its best epoch.
        """
        for part in dict.fromkeys(parts):
            self._pending[part] = self._executor.submit(_train, part, refit(part))

    def _take(self, part: Part) -> TrainedElsewhere | None:
        """A part that was handed out, when it is trained; None for others.

        Raises:
            TrainingError: its training failed, or its process was ended.
        """
        future = self._pending.pop(part, None)
        if future is None:
            return None
        try:
            found = future.result()
        except BrokenExecutor as error:
            raise TrainingError(ENDED) from error
        if self._rows is not None:
            self._rows.leave_out(part)  # the trainer tells the whole history
        again = None if found.refitted is None else self._with(part, found.refitted)
        return self._with(part, found.weights), found.fitted, again

    def _with(self, part: Part, weights: Weights) -> Network:
        network = self._trainer.network(part)
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        return network.eval()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._trainer.elsewhere = None
        if self._rows is not None and error is not None:
            self._rows.wires.stop.set()
        self._executor.shutdown(wait=error is None, cancel_futures=True)
        if self._rows is not None:
            self._rows.end()


class _Wires(NamedTuple):
    """Between this process and those that train: rows of histories come back, and after an error or Ctrl-C
    all are told to stop after their epoch.
    """

    rows: SimpleQueue[tuple[Part, Row] | None]
    stop: Event


class _Rows:
    """Rows of histories, from the processes to one thread of this process.

    Args:
        progress: called with each, until it raises an error, which `leave_out` then raises.
    """

    def __init__(self, progress: Callable[[Part, Row], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self.wires = _Wires(context.SimpleQueue(), context.Event())
        self._progress, self._left_out, self._lock = progress, set[Part](), threading.Lock()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._pass_on, name="training-progress", daemon=True)
        self._thread.start()

    def leave_out(self, part: Part) -> None:
        """Pass on no further row of a part."""
        with self._lock:
            self._left_out.add(part)
            if self._error is not None:
                raise self._error

    def end(self) -> None:
        """Pass on what is left. A process that was ended while it wrote may have left half a row, for the
        rest of which nobody waits.
        """
        self.wires.rows.put(None)
        self._thread.join(1)

    def _pass_on(self) -> None:
        while (told := self.wires.rows.get()) is not None:
            with self._lock:
                if self._error is None and told[0] not in self._left_out:
                    try:
                        self._progress(*told)
                    except Exception as error:  # noqa: BLE001  raised in the thread that waits for the part
                        self._error = error


_own: dict[str, Any] = {}  # the trainer of this process, and its wires


def _start(study: Study, wires: _Wires | None) -> None:
    """Prepare this process: one thread of the processor, the study."""
    prepare_process()
    torch.set_num_threads(1)
    _own.update(trainer=Trainer(study), wires=wires)


def _train(part: Part, refit: bool) -> Returned:
    trainer: Trainer = _own["trainer"]
    fold = trainer.study.folds[part.fold]
    network, fitted = trainer.train(part, fold, partial(_tell, part))
    weights = _weights_of(network)
    again = _weights_of(trainer.refit(part, fold, fitted.best_epoch, _go_on)) if refit else None
    trainer.forget(part.fold)
    return Returned(weights, fitted, again)


def _tell(part: Part, row: Row) -> None:
    _go_on()
    if (wires := _own["wires"]) is not None:
        wires.rows.put((part, row))


def _go_on(_: Row | None = None) -> None:
    """Raise CancelledError if nobody waits for what this process trains."""
    if (wires := _own["wires"]) is not None and wires.stop.is_set():
        raise CancelledError


def _weights_of(network: Network) -> Weights:
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
