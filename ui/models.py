"""The models, each loaded once per process, in the background, so that the first page need not wait."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core.checkpoint import RECORD, CheckpointError, read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.inference.memory import keep_little
from mmer_core.media.recogniser import DEFAULT, UnknownRecogniser, words_from
from ui.text import missing_sentence, plain, sentence_case

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

KEPT = 2  # loaded models in memory, for all visits together; the one asked for longest ago goes
HEAD_START = 1.0  # seconds for the first page to get out, before importing torch keeps the interpreter busy
_CHOSEN, _WORDS_FROM = "model-folder", "words-from"
log = logging.getLogger(__name__)


class ModelUnavailable(RuntimeError):
    """The model could not be loaded; the message is one sentence for the person at the screen."""


def load_model(folder: Path) -> EmotionModel:
    """Read a model and run it once. Imports torch, so it belongs in the loader's thread.

    The garbage collector leaves alone whatever is there by then: to go through it again would stop
    the interpreter for .1 s at a time. Models that are no longer used are collected before that.
    """
    time.sleep(HEAD_START)
    from mmer_core.inference.emotion_model import EmotionModel

    keep_little()
    gc.unfreeze()
    gc.collect()
    model = EmotionModel.load(folder)
    if model.encoders:
        model.warm_up()
    gc.collect()
    gc.freeze()
    gc.collect()  # how many objects survive this one decides how soon the next comes
    return model


class ModelLoader:
    """A model in the making: `load` runs in a thread of its own from the start.

    Args:
        load: returns the model; whatever it raises is logged, and `wait` says it in one sentence.
    """

    def __init__(self, load: Callable[[], EmotionModel]) -> None:
        self._load = load
        self._done = threading.Event()
        self._model: EmotionModel | None = None
        self._error: str | None = None
        threading.Thread(target=self._run, name="model-loader", daemon=True).start()

    def _run(self) -> None:
        started = time.perf_counter()
        try:
            self._model = self._load()
            log.info("model loaded in %.1f s", time.perf_counter() - started)
        except Exception as error:
            log.exception("the model could not be loaded")
            self._error = _sentence(error)
        finally:
            self._done.set()

    @property
    def ready(self) -> bool:
        """Whether loading has ended, well or not."""
        return self._done.is_set()

    def wait(self) -> EmotionModel:
        """The model, as soon as there is one.

        Raises:
            ModelUnavailable: loading failed.
        """
        self._done.wait()
        if self._model is None:
            raise ModelUnavailable(self._error)
        return self._model


def _sentence(error: Exception) -> str:
    """The reason for a person: the core's own errors are written for people, others are named and left to the
    log.
    """
    from mmer_core.encoders.base import EncoderUnavailable

    if isinstance(error, CheckpointError | EncoderUnavailable | ModelUnavailable | UnknownRecogniser):
        return str(error)
    name = type(error).__name__
    return (
        f"the model could not be loaded ({name}): see the app's log, run `pip install -r "
        "requirements.txt` again, and restart the app"
    )


def loader_of(folder: Path) -> ModelLoader:
    """The process's one loader of a model; the first call, from whichever page, starts it. A folder that was
    written anew is loaded anew.
    """
    return _loader(folder, _stamp(folder))


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _loader(folder: Path, stamp: int) -> ModelLoader:
    return ModelLoader(partial(load_model, folder))


def record_of(folder: Path) -> Mapping[str, Any]:
    """The record of a model, checked and read once.

    Raises:
        CheckpointError: there is no model, or its files are damaged.
    """
    return _record(folder, _stamp(folder))


@st.cache_resource(show_spinner=False, max_entries=32)
def _record(folder: Path, stamp: int) -> Mapping[str, Any]:
    return read_record(folder)


def _stamp(folder: Path) -> int:
    """Changes when the model in a folder is written anew; 0 where there is none."""
    try:
        return (folder / RECORD).stat().st_mtime_ns
    except OSError:
        return 0


def chosen_folder() -> Path:
    """The folder of the model that this visit uses."""
    folder: Path = st.session_state.get(_CHOSEN, DEFAULT_CHECKPOINT)
    return folder


def chosen_recogniser() -> str:
    """The name of the recogniser that this visit hears words with: of its choice, or else everybody's."""
    try:
        return str(st.session_state.get(_WORDS_FROM) or words_from())
    except UnknownRecogniser:  # no model loads then, and the page says why
        return DEFAULT


def use_recogniser(name: str) -> None:
    """Let this visit hear words with a recogniser from now on."""
    st.session_state[_WORDS_FROM] = name


def model_loader() -> ModelLoader:
    """The loader of the model that this visit uses, with the recogniser that it chose."""
    folder, name = chosen_folder(), st.session_state.get(_WORDS_FROM)
    return loader_of(folder) if name is None else _hearing(folder, _stamp(folder), name)


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _hearing(folder: Path, stamp: int, name: str) -> ModelLoader:
    def load() -> EmotionModel:
        from mmer_core.inference.hearing import hearing_with

        return hearing_with(loader_of(folder).wait(), name)

    return ModelLoader(load)


def use_model(folder: Path) -> None:
    """Let this visit use the model in `folder` from now on, on every page."""
    st.session_state[_CHOSEN] = folder


def forget_loaded() -> None:
    """Forget all loaders, failed ones too, so that the next page run starts another."""
    _loader.clear()
    _hearing.clear()
    _record.clear()


@st.fragment(run_every=0.5)
def _watch(loader: ModelLoader) -> None:
    if loader.ready:
        st.rerun()
    st.caption(
        ":material/hourglass_top: The model is loading (a few seconds, once). You can already choose a clip."
    )


def show_loading() -> bool:
    """Say that the model is loading, or why it could not be; nothing once it is there.

    Returns:
        False if there is no model to wait for.
    """
    loader = model_loader()
    if not loader.ready:
        _watch(loader)
        return True
    try:
        model = loader.wait()
    except ModelUnavailable as error:
        st.error(plain(sentence_case(str(error))), title="No model", icon=":material/error:")
        st.button(
            "Try again",
            on_click=forget_loaded,
            help="Load the model once more, for instance after copying the missing files.",
        )
        return False
    if not model.encoders:
        reason = missing_sentence(model.record["modalities"])
        st.error(plain(reason), title="This model reads no clips", icon=":material/error:")
        return False
    return True
