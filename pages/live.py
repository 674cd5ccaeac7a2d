"""Watch the camera and the microphone as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.cards import show_promises
from ui.analyze.ordinary_voice import ordinary_voice, usual
from ui.analyze.source import Source, choose
from ui.live.devices import IceSettingsError, device_sentences, ice_servers, reach_sentence, start_button
from ui.live.visit import LiveVisit, live_visit
from ui.model_choice import choose_model, usable_modalities
from ui.models import model_loader, show_loading
from ui.page import PAGES, frame
from ui.text import listed, plain

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

NOTICE = (
    "Picture and sound go to the machine that runs this app and are read as they come. Nothing is "
    "stored: the last 10 seconds are held in memory "
    "while this page is open, so that you can watch them again, and a table of the answers only if you "
    "switch it on. Pressing Start is your consent; whoever else is in view or within earshot should "
    "agree as well."
)


def live_modalities() -> tuple[Modality, ...]:
    """The modalities of the model in use that a camera and a microphone give."""
    return tuple(m for m in usable_modalities() if m is not Modality.METADATA)


def promise(modalities: Sequence[Modality]) -> str:
    """A sentence on what the page does with these modalities."""
    names = [MODALITY_TITLES[m].lower() for m in modalities]
    together = ", each on its own and all together" if len(names) > 1 else ""
    return f"Watch {listed(names)} being read as you speak{together}." if names else ""


def controls(visit: LiveVisit) -> None:
    """Analyze the last seconds as a clip, and pause."""
    assert visit.workers is not None
    reader = visit.workers.reader
    if st.button(
        f"Analyze the last {reader.settings.kept:.0f} seconds",
        icon=":material/history:",
        help="Stop, and read the last seconds as a clip on the Analyze page.",
    ):
        kept = reader.keep()
        if kept is None:
            st.toast("Nothing has come in yet.", icon=":material/info:")
        else:
            visit.running = False
            choose(Source(*kept, origin="live"))
            st.switch_page(PAGES / "analyze.py")
    reader.paused = st.toggle(
        "Pause",
        key="live-pause",
        help="The picture runs on, but nothing is read or kept until you switch this off.",
    )


def compare(visit: LiveVisit, model: EmotionModel) -> None:
    """Let the voice be compared with the person's ordinary one, here or on Analyze given or removed."""
    workers = visit.prepare(model)
    if not visit.running:
        ordinary_voice(model)
    workers.reader.compare(usual(model))


def show_sentences(visit: LiveVisit, servers: list[dict[str, object]], setting_error: str) -> None:
    """What is wrong with the settings, the connection or the devices, and what the page needs."""
    if setting_error:
        st.error(setting_error, icon=":material/error:")
    if visit.failure:
        st.error(plain(visit.failure), icon=":material/error:")
    elif not visit.running and visit.problems:
        st.warning(plain(" ".join(device_sentences(visit.problems, visit.kinds))), icon=":material/warning:")
    if not visit.running and (sentence := reach_sentence(st.context.url, servers)):
        st.info(plain(sentence), icon=":material/info:")


def show_running(visit: LiveVisit, servers: list[dict[str, object]]) -> None:
    """Picture on the left with the people below it, answer on the right, evidence and the table below."""
    from ui.live.answer import show_live_answer, show_live_evidence
    from ui.live.charts import STYLE
    from ui.live.people import show_people
    from ui.live.stream import show_stream
    from ui.live.table import show_table

    st.html(STYLE)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        with st.container():
            show_stream(visit, servers)
        with st.container():
            if visit.running:
                show_people(visit)
    if visit.running:
        with right:
            show_live_answer(visit, servers)
    # Each in a container of its own: when a fragment's run is cut short, what it had written goes, and would
    # move whatever stands beside it.
    with st.container():
        if visit.running:
            show_live_evidence(visit)
    with st.container():
        show_table(visit)


with frame("Live"):
    st.title("What emotion is showing now?")
    visit = live_visit()
    # Containers are always there: the button below must not be taken down and set up again with its hold on
    # the devices.
    with st.container():
        usable = show_loading()
    ready = usable and model_loader().ready
    try:
        servers = ice_servers()
        setting_error = ""
    except IceSettingsError as error:
        servers, setting_error = [], str(error)
    with st.container():
        if not visit.running:
            st.markdown(promise(live_modalities()))
            st.info(NOTICE, icon=":material/shield_person:")
            choose_model(hears=False)
    with st.container():
        if ready:
            compare(visit, model_loader().wait())
    with st.container(horizontal=True, vertical_alignment="center"):
        start_button(visit.running, disabled=not ready, streams=visit.streams, on_event=visit.take)
        if ready and visit.running:
            controls(visit)
    # So that nothing below moves when a sentence comes: what still runs there would write to the wrong place.
    with st.container():
        show_sentences(visit, servers, setting_error)
    if ready:
        show_running(visit, servers)
    if not visit.running:
        show_promises(live_modalities())
