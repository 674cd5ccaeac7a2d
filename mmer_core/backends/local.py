"""Processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from mmer_core.backends import BACKENDS


@BACKENDS.register("local", order=1)
class LocalBackend:
    """Processes of this machine. One that is ended breaks the executor."""

    here = True

    def executor(
        self, slots: int, start: Callable[..., None], arguments: tuple[Any, ...]
    ) -> ProcessPoolExecutor:
        """See `Backend`."""
        # threads of torch and onnxruntime do not survive a fork
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(slots, mp_context=context, initializer=start, initargs=arguments)

    def slots(self) -> int:
        """One for each core."""
        return os.cpu_count() or 1
