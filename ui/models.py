"""The models, each loaded once per process, in the background, so that the first page need not wait for it."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.config import DEFAULT_CHECKPOINT
from ui.phrases import sentence_case

if TYPE_CHECKING:
    from mmer_core.predictor import Predictor

_CHOSEN = "model-folder"
log = logging.getLogger(__name__)


class ModelUnavailable(RuntimeError):
    """The model could not be loaded; the message is one sentence for the person at the screen."""


HEAD_START = 1.0  # seconds in which the first page gets out, before importing torch keeps the interpreter busy


def load_predictor(folder: Path) -> Predictor:
    """Read a shipped model and run it once. Imports torch, so it belongs in the loader's thread.

    What is there by then stays until the end, so the garbage collector need not look at it again: that would stop the interpreter for .1 s at a time.
    """
    time.sleep(HEAD_START)
    from mmer_core.predictor import Predictor

    predictor = Predictor.load(folder)
    predictor.warm_up()
    gc.collect()
    gc.freeze()
    gc.collect()  # how many objects survive this one decides how soon the next comes
    return predictor


class ModelLoader:
    """A predictor in the making: `load` runs in a thread of its own from the start.

    Args:
        load: returns the predictor; what it raises is logged, and told in one sentence by `wait`.
    """

    def __init__(self, load: Callable[[], Predictor]) -> None:
        self._load = load
        self._done = threading.Event()
        self._predictor: Predictor | None = None
        self._error: str | None = None
        threading.Thread(target=self._run, name="model-loader", daemon=True).start()

    def _run(self) -> None:
        started = time.perf_counter()
        try:
            self._predictor = self._load()
            log.info("models loaded in %.1f s", time.perf_counter() - started)
        except Exception as error:
            log.exception("the models could not be loaded")
            self._error = _sentence(error)
        finally:
            self._done.set()

    @property
    def ready(self) -> bool:
        """Loading has ended, well or not."""
        return self._done.is_set()

    def wait(self) -> Predictor:
        """The predictor, as soon as there is one.

        Raises:
            ModelUnavailable: loading failed.
        """
        self._done.wait()
        if self._predictor is None:
            raise ModelUnavailable(self._error)
        return self._predictor


def _sentence(error: Exception) -> str:
    """What to tell a person: the core's own errors are written for people, others are named and left to the log."""
    from mmer_core.checkpoint import CheckpointError
    from mmer_core.encoders.spec import EncoderUnavailable

    if isinstance(error, CheckpointError | EncoderUnavailable):
        return str(error)
    name = type(error).__name__
    return f"the models could not be loaded ({name}): see the app's log, run `pip install -r requirements.txt` again, and restart the app"


@st.cache_resource(show_spinner=False, max_entries=2)
def loader_of(folder: Path) -> ModelLoader:
    """The process's one loader of a model; the first call, from whichever page, starts it."""
    return ModelLoader(partial(load_predictor, folder))


def chosen_folder() -> Path:
    """The folder of the model that this visit uses."""
    folder: Path = st.session_state.get(_CHOSEN, DEFAULT_CHECKPOINT)
    return folder


def model_loader() -> ModelLoader:
    """The loader of the model that this visit uses."""
    return loader_of(chosen_folder())


def use_model(folder: Path) -> None:
    """Let this visit use the model in `folder` from now on, on every page."""
    st.session_state[_CHOSEN] = folder


def retry() -> None:
    """Forget failed loads, so that the next page run starts another."""
    loader_of.clear()


@st.fragment(run_every=0.5)
def _watch(loader: ModelLoader) -> None:
    if loader.ready:
        st.rerun()
    st.caption(":material/hourglass_top: Models are loading (a few seconds, once). You can already choose a clip.")


def show_loading() -> bool:
    """Say that models are loading, or why they could not be; nothing once they are there. False: there is no model to wait for."""
    loader = model_loader()
    if not loader.ready:
        _watch(loader)
        return True
    try:
        loader.wait()
    except ModelUnavailable as error:
        st.error(sentence_case(str(error)), title="No model", icon=":material/error:")
        st.button("Try again", on_click=retry, help="Load the models once more, for instance after copying the missing files.")
        return False
    return True
