"""A Ray cluster: that of RAY_ADDRESS, or one of this machine alone, for as long as the command runs.

An actor for each slot begins once and does one task at a time. An actor that is lost with its process or its
node is replaced wherever a core is free, and its task is done by another: what a lost node costs is the work
in hand. Results go to the one process that asked, each once; nothing is written by the actors.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, NamedTuple

from mmer_core.backends import BACKENDS, BackendUnavailable, Ended
from mmer_core.config import ONE_THREAD

TRIES = 3  # of a task whose actor is lost; then the task is at fault rather than a node
SECONDS = 0.05  # between two looks at what was handed in
# a cluster that is told to send no statistics would still send word of that
SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/"}
HANDED_ON = ("MMER_MODELS", "MMER_WORDS_FROM")  # variables that say how to compute
ENDED = f"whoever did it was ended {TRIES} times (a lost node, out of memory, or a crash in a library)"

log = logging.getLogger(__name__)


@BACKENDS.register("ray", order=2)
class RayBackend:
    """A Ray cluster. A process or a node that is lost costs only the work in hand."""

    here = False

    def executor(self, slots: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> RayExecutor:
        """See `Backend`."""
        connect(slots)
        return RayExecutor(slots, start, arguments)

    def slots(self) -> int:
        """One for each core of the cluster, at this moment."""
        return max(1, int(connect().cluster_resources().get("CPU", 1)))


def connect(cores: int | None = None) -> Any:
    """Join the cluster of RAY_ADDRESS, or start one of this machine; the module `ray`. Without Ray's usage
    statistics and its dashboard.

    Args:
        cores: of a cluster that is started.

    Raises:
        BackendUnavailable: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ |= SILENT
    try:
        import ray
    except ImportError as error:
        raise BackendUnavailable(
            "Ray is not installed: install it with pip install 'mmer[ray]', or leave --backend ray out"
        ) from error
    if ray.is_initialized():
        return ray
    address = os.environ.get("RAY_ADDRESS") or "local"
    alone: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **alone)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BackendUnavailable(
            f"the Ray cluster {address} cannot be used ({reason[:200]}): check RAY_ADDRESS, and that Ray and "
            "Python have the same versions there"
        ) from error
    return ray


class _Actor:
    """What runs on a node."""

    def __init__(self, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        start(*arguments)

    def ready(self) -> None:
        """Returns as soon as it can do a task."""

    def do(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        return function(*arguments)


class _Task:
    """What was handed in, and how often its actor was lost."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments
        self.future: Future[Any] = Future()
        self.lost = 0


class _InHand(NamedTuple):
    """What an actor is at; None: it begins."""

    actor: Any
    task: _Task | None


class RayExecutor(Executor):
    """Actors of a cluster, and one thread here that hands out tasks to those that are free.

    Args:
        slots: how many actors, each with a core of its own.
        start: called once in each.
        arguments: of `start`.
    """

    def __init__(self, slots: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        import ray

        self._ray = ray
        handed_on = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        # a lost actor is replaced here, so that no task is sent to one that is not there
        options: dict[str, Any] = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        options["runtime_env"] = {"env_vars": {**ONE_THREAD, **handed_on}}
        self._class: Any = ray.remote(**options)(_Actor)
        self._begin = (ray.put(start), ray.put(arguments))
        self._waiting: deque[_Task] = deque()
        self._lock = threading.Lock()
        self._closed = self._dropped = False
        self._error: BaseException | None = None  # which ended the thread
        self._free: list[Any] = []
        self._in_hand: dict[Any, _InHand] = {}
        self._lost_beginning = 0  # actors in a row that were lost before they could do anything
        self._slots = slots
        for _ in range(slots):
            self._add_actor()
        self._thread = threading.Thread(target=self._serve, name="ray-executor", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`; the future raises `Ended` for a task whose actor is lost again
        and again.
        """
        assert not options, "given in order"
        task = _Task(function, arguments)
        with self._lock:
            if self._error is not None:
                raise self._error
            assert not self._closed, "no tasks after shutdown"
            self._waiting.append(task)
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the actors; what is in hand is finished first, unless `cancel_futures`."""
        self._closed, self._dropped = True, cancel_futures
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        """Hand out and collect until it is closed and nothing is left."""
        try:
            while not (self._closed and (self._dropped or not self._unfinished())):
                self._hand_out()
                if self._in_hand:
                    done, _ = self._ray.wait(list(self._in_hand), timeout=SECONDS)
                else:
                    done = []
                    threading.Event().wait(SECONDS)
                for reference in done:
                    self._collect(reference)
        except BaseException as error:  # noqa: BLE001 - told by whoever waits for a task, in the other thread
            self._give_up(error)
        else:
            self._give_up(CancelledError())
        finally:
            for actor in [*self._free, *(held.actor for held in self._in_hand.values())]:
                self._ray.kill(actor, no_restart=True)

    def _unfinished(self) -> list[_Task]:
        return [*(held.task for held in self._in_hand.values() if held.task), *self._waiting]

    def _hand_out(self) -> None:
        with self._lock:
            while self._free and self._waiting:
                task = self._waiting.popleft()
                if task.lost or task.future.set_running_or_notify_cancel():
                    actor = self._free.pop()
                    reference = actor.do.remote(task.function, task.arguments)
                    self._in_hand[reference] = _InHand(actor, task)

    def _collect(self, reference: Any) -> None:
        """Take what an actor gave; an actor that was lost is replaced."""
        from ray import exceptions

        actor, task = self._in_hand.pop(reference)
        try:
            value = self._ray.get(reference)
        except exceptions.RayTaskError as error:  # the task raised it
            failure = error.cause if isinstance(error.cause, Exception) else error
            if task is None:
                raise failure from error
            task.future.set_exception(failure)
        except exceptions.RayError as error:
            log.debug("an actor was lost: %s", error)
            self._replace(actor, task, error)
            return
        else:
            self._lost_beginning = 0
            if task is not None:
                task.future.set_result(value)
        self._free.append(actor)

    def _replace(self, actor: Any, task: _Task | None, error: Exception) -> None:
        self._ray.kill(actor, no_restart=True)  # where only the way to it was lost
        self._add_actor()
        if task is None:
            self._lost_beginning += 1
            if self._lost_beginning >= TRIES * self._slots:
                reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
                raise BackendUnavailable(
                    f"{self._lost_beginning} Ray actors in a row ended before they could begin "
                    f"({reason[0].strip()[:200]}): check that mmer is installed on every node and has memory"
                )
            return
        task.lost += 1
        if task.lost >= TRIES:
            task.future.set_exception(Ended(ENDED))
            return
        with self._lock:
            self._waiting.appendleft(task)

    def _add_actor(self) -> None:
        actor = self._class.remote(*self._begin)
        self._in_hand[actor.ready.remote()] = _InHand(actor, None)

    def _give_up(self, error: BaseException) -> None:
        with self._lock:
            self._closed, self._error = True, error
            tasks = self._unfinished()
            self._waiting.clear()
        for task in tasks:
            if not task.future.done():
                task.future.set_exception(error)
