"""The ordinary voice of the person in the clips, given once in a visit: their voice is then compared with it,
in place of the average training speaker. It is kept in this visit's memory only.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import streamlit as st

from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name, load_upload
from mmer_core.runs.defects import log_defect
from ui.forgetting import keeper
from ui.in_turn import in_turn
from ui.text import plain, sentence_case
from ui.upload_limit import most_megabytes

if TYPE_CHECKING:
    from mmer_core.inference.baseline import Baseline
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation

TITLE = "Compare with this person's ordinary voice"
_WHY = (
    "How a voice sounds depends first on whose it is. About ten seconds of how this person usually speaks "
    "make the reading of their voice more reliable."
)
_PRIVACY = (
    "It is read on the machine that runs this app, kept in memory for this visit only, and used for all "
    "clips that follow until you remove it."
)
_LARGEST = 200  # megabytes; ten seconds are enough
_RECORDED = "your recording"
_KEPT, _TURN = "ordinary-voice", "ordinary-voice-turn"
_NONE: Mapping[Modality, Baseline] = {}
log = logging.getLogger(__name__)


@dataclass(eq=False)
class OrdinaryVoice:
    """A recording of how a person usually speaks.

    Attributes:
        name: what to call it on the page.
        data: the file's bytes.
    """

    name: str
    data: bytes
    _found: dict[str, Mapping[Modality, Baseline] | str] = field(default_factory=dict, repr=False)
    _compared: WeakKeyDictionary[Observation, Observation] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    @cached_property
    def digest(self) -> str:
        """sha256 of the file."""
        return hashlib.sha256(self.data).hexdigest()

    def baseline(self, model: EmotionModel) -> Mapping[Modality, Baseline] | str:
        """How the person usually is for this model, or one sentence that says why that cannot be told; read
        once for each model.
        """
        key = model.identity["sha256"]
        if key not in self._found:
            self._found[key] = self._read(model)
        return self._found[key]

    def _read(self, model: EmotionModel) -> Mapping[Modality, Baseline] | str:
        try:
            return in_turn(lambda post: model.baseline(load_upload(self.data, self.name)))
        except MediaError as error:
            reason = str(error)
            named = reason.startswith(display_name(self.name)) and self.name != _RECORDED
            return f"{reason.removesuffix('.')}." if named else sentence_case(reason)
        except Exception as error:  # noqa: BLE001  told to the person and to the log
            log_defect(log, "the ordinary voice could not be read", error)
            return (
                f"This recording could not be read ({type(error).__name__}): give another one; the app's log "
                "has the details."
            )

    def compared(self, observation: Observation, model: EmotionModel) -> Observation:
        """The observation, compared with this voice; always the same one, so that its answers are kept."""
        found = self.baseline(model)
        if isinstance(found, str):
            return observation
        if observation not in self._compared:
            self._compared[observation] = model.with_baseline(observation, found)
        return self._compared[observation]


def kept_voice() -> OrdinaryVoice | None:
    """What the person gave in this visit; None if nothing, or it was removed."""
    return st.session_state.get(_KEPT)


def usual(model: EmotionModel) -> Mapping[Modality, Baseline]:
    """How the person usually is; empty where that is not known, or the model does not compare."""
    voice = kept_voice()
    found = voice.baseline(model) if voice is not None and model.takes_baseline else _NONE
    return _NONE if isinstance(found, str) else found


def compared(observation: Observation, model: EmotionModel) -> Observation:
    """The observation, compared with the voice that is kept; as it is where there is none, or the model does
    not compare.
    """
    voice = kept_voice()
    return voice.compared(observation, model) if voice is not None and model.takes_baseline else observation


def ordinary_voice(model: EmotionModel) -> None:
    """The section in which a person gives the voice, or removes it; nothing for a model that does not compare
    voices.
    """
    if Modality.AUDIO not in model.takes_baseline:
        return
    with st.expander(TITLE, icon=":material/record_voice_over:"):
        voice = kept_voice()
        if voice is not None:
            with st.spinner("Reading the ordinary voice…"):
                found = voice.baseline(model)
            if not isinstance(found, str):
                _show_kept(voice, found[Modality.AUDIO])
                return
            st.error(plain(found), icon=":material/error:")
            _forget()
        _ask()


def _show_kept(voice: OrdinaryVoice, baseline: Baseline) -> None:
    st.markdown(
        f"Voices are compared with {round(baseline.seconds)} s of {plain(voice.name)}. Remove it if somebody "
        "else speaks next."
    )
    st.caption(_PRIVACY)
    st.button(
        "Remove this voice",
        key="ordinary-voice-remove",
        icon=":material/delete:",
        on_click=_forget,
        help="Forget the recording; voices are compared with the average training speaker again.",
    )


def _ask() -> None:
    st.caption(f"{_WHY} {_PRIVACY}")
    turn = st.session_state.get(_TURN, 0)
    recorded, uploaded = f"ordinary-voice-recorded-{turn}", f"ordinary-voice-uploaded-{turn}"
    st.audio_input(
        "Record about ten seconds",
        key=recorded,
        on_change=_take,
        args=(recorded, _RECORDED),
        help="Say or read anything, as usual. Nothing is recorded before you press the microphone.",
    )
    st.file_uploader(
        "Or give a recording",
        key=uploaded,
        max_upload_size=most_megabytes(_LARGEST),
        on_change=_take,
        args=(uploaded,),
        help="A sound or a video in which this person alone speaks, and as usual.",
    )


def _take(key: str, name: str | None = None) -> None:
    file = st.session_state.get(key)
    if file is not None:
        st.session_state[_KEPT] = OrdinaryVoice(name or display_name(file.name), file.getvalue())
        _renew()


def _forget() -> None:
    st.session_state.pop(_KEPT, None)
    _renew()


@keeper
def _forget_voice() -> Sequence[str]:
    return [] if st.session_state.pop(_KEPT, None) is None else ["the ordinary voice"]


def _renew() -> None:
    """Let the widgets be new ones: those of before hold what was given."""
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
