"""Parts of a study trained side by side, in processes of this machine or of a cluster (`mmer_core.backends`).

Each process has the study and trains one part after the other in one thread, as the trainer of the study
would, so the weights are the same wherever a part is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import BrokenExecutor, Future
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from mmer_core.backends import backend
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

    Raises:
        BackendUnavailable: the backend cannot be used.
        ValueError: the study trains on an accelerator, which processes do not share.
    """

    def __init__(self, trainer: Trainer, jobs: int, where: str) -> None:
        if trainer.study.device != "cpu":
            raise ValueError(
                f"processes side by side train on the processor, not on {trainer.study.device}: leave out "
                "--jobs and --backend, or --device"
            )
        self._trainer = trainer
        self._executor = backend(where).executor(jobs, _start, (trainer.study,))
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
        self._executor.shutdown(wait=error is None, cancel_futures=True)


_own: dict[str, Any] = {}  # the trainer of this process


def _start(study: Study) -> None:
    """Prepare this process: one thread of the processor, the study."""
    prepare_process()
    torch.set_num_threads(1)
    _own["trainer"] = Trainer(study)


def _train(part: Part, refit: bool) -> Returned:
    trainer: Trainer = _own["trainer"]
    fold = trainer.study.folds[part.fold]
    network, fitted = trainer.train(part, fold)
    weights = _weights_of(network)
    again = _weights_of(trainer.refit(part, fold, fitted.best_epoch)) if refit else None
    trainer.forget(part.fold)
    return Returned(weights, fitted, again)


def _weights_of(network: Network) -> Weights:
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
