"""The answer beside and below the running picture, renewed twice a second."""

from __future__ import annotations

import math
import time
from html import escape
from typing import Any

import streamlit as st

from mmer_core.inference.live import LiveWorkers, Moment
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.headline import headline, verdict_html
from ui.live.charts import live_bars, live_timeline
from ui.live.devices import device_sentences, no_connection_sentence
from ui.live.stream import PATIENCE, playing
from ui.live.visit import LiveVisit
from ui.text import against_sentence, seconds, sentence_case
from ui.theme import MODALITY_COLOURS, OUTLINE

EVERY = 0.5  # seconds


@st.fragment(run_every=EVERY)
def show_live_answer(visit: LiveVisit, servers: list[dict[str, Any]]) -> None:
    """The emotion of the main person, large, and the probabilities; and whether the connection stands."""
    moment = workers_of(visit).now()
    _watch_connection(visit, servers)
    prediction = moment.prediction if moment.prediction and moment.prediction.used else None
    visit.shown = prediction
    st.html(_headline(moment, visit))
    nothing = dict.fromkeys(workers_of(visit).reader.model.labels, 0.0)
    st.html(live_bars(prediction.probabilities if prediction else nothing))


@st.fragment(run_every=EVERY)
def show_live_evidence(visit: LiveVisit) -> None:
    """A switch and a verdict for each modality, the moving timeline, and the delays."""
    reader = workers_of(visit).reader
    moment = reader.now()
    use = set()
    with st.grid(len(reader.model.modalities), border=True):
        for modality in reader.model.modalities:
            title = MODALITY_TITLES[modality]
            with st.container(gap="xsmall"):
                if st.toggle(
                    title,
                    value=True,
                    key=f"live-use-{modality}",
                    persist_state="session",
                    help=f"Let the {title.lower()} count.",
                ):
                    use.add(modality)
                st.html(_verdict(modality, moment))
    reader.switch(use)
    st.subheader("The last minute", anchor=False)
    answers = [p for p in reader.timeline() if p.used]  # not how common each emotion was in training
    st.html(live_timeline(answers, moment.at, reader.settings.history, reader.model.labels))
    against = against_sentence(reader.baseline.get(Modality.AUDIO))
    st.caption(" · ".join(filter(None, (_delays(moment), against))))


def workers_of(visit: LiveVisit) -> LiveWorkers:
    """The workers of a visit that runs."""
    assert visit.workers is not None, "prepared before the start"
    return visit.workers


def _watch_connection(visit: LiveVisit, servers: list[dict[str, Any]]) -> None:
    """End with a sentence, rather than hang, when no connection comes about."""
    now = time.monotonic()
    if playing(visit) and not visit.changing:
        visit.waiting_since = now
    elif visit.running and now - visit.waiting_since > PATIENCE:
        visit.fail(no_connection_sentence(st.context.url, servers))
        st.rerun(scope="app")


def _headline(moment: Moment, visit: LiveVisit) -> str:
    """The current emotion on its colour, or what is being waited for. Not announced: it changes too often for
    that.
    """
    prediction = moment.prediction
    if prediction is None or not prediction.used:
        title, body, colour = "…", _waiting(moment, prediction, visit), OUTLINE
    else:
        found = headline(prediction)
        title, colour = found.title, found.colour
        body = f"<strong>{escape(found.lead)}</strong>"
    lines = "".join(f"<p>{escape(line)}</p>" for line in (*_pause(visit), *_losses(moment, visit)))
    text = f"<small>{escape(_about(moment))}</small><h2>{escape(title)}</h2><p>{body}</p>{lines}"
    kind = " unsure" if prediction is not None and prediction.used and prediction.unsure else ""
    return f'<div class="mmer-answer{kind}" style="--accent:{colour}; min-height: 8.5rem">{text}</div>'


def _about(moment: Moment) -> str:
    """Whose answer it is, where there is more than one person to choose from."""
    if moment.main is None or len(moment.known) < 2:
        return "Right now it reads as"
    return f"Right now person {moment.main} reads as"


def _pause(visit: LiveVisit) -> list[str]:
    return ["Paused: nothing is read until you go on."] if workers_of(visit).reader.paused else []


def _waiting(moment: Moment, prediction: Prediction | None, visit: LiveVisit) -> str:
    if visit.changing:
        return "Changing the device…"
    if not playing(visit):
        return "Connecting…"
    if prediction is not None:
        return "Nothing that is switched on can be seen or heard."
    return (
        "Waiting for a face or a voice."
        if moment.camera or moment.microphone
        else "Waiting for the first picture…"
    )


def _losses(moment: Moment, visit: LiveVisit) -> list[str]:
    """Devices that were changed, or that do not deliver though they were there at first."""
    lines = [*filter(None, [visit.notice]), *device_sentences(visit.problems, visit.kinds)]
    if playing(visit) and moment.camera is False and "video" in visit.kinds:
        lines.append("No pictures come from the camera any more; voice and words go on.")
    if playing(visit) and moment.microphone is False and "audio" in visit.kinds:
        lines.append("No sound comes from the microphone any more; the face goes on.")
    return lines


def _verdict(modality: Modality, moment: Moment) -> str:
    """The prediction of one modality, or why there is none; for words, the words."""
    own = moment.prediction.modalities[modality] if moment.prediction else None
    reason = own.reason if own and own.reason else "nothing yet"
    absent = f'<span class="absent">{escape(sentence_case(reason))}</span>'
    body = (verdict_html(own) if own else "") or absent
    quoted = modality is Modality.TEXT and moment.words
    words = f"<p class='mmer-promise'>“{escape(moment.words)}”</p>" if quoted else ""
    return f'<div class="mmer-modality" style="--accent:{MODALITY_COLOURS[modality]}">{body}</div>{words}'


def _delays(moment: Moment) -> str:
    """The delay of the answers behind picture and sound, measured on this machine."""
    parts = [f"{moment.pictures_per_second:.0f} pictures per second"]
    if not math.isnan(moment.visual_delay):
        parts.append(f"face read {seconds(moment.visual_delay)} after its picture")
    if not math.isnan(moment.audio_delay):
        parts.append(f"voice within {seconds(moment.audio_delay)}")
    return " · ".join(parts)
