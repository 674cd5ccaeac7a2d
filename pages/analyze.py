"""Give a clip, see the emotion, and the evidence for it in words, voice and face."""

from __future__ import annotations

import logging

import streamlit as st

from mmer_core.checkpoint import CheckpointError
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError
from ui.analyze.analysis import Analysis, Source, analyse, chosen
from ui.analyze.answer import show_answer
from ui.analyze.cards import show_promises
from ui.analyze.intake import intake
from ui.analyze.progress import Progress
from ui.model_choice import usable_modalities
from ui.models import ModelUnavailable, model_loader, show_loading
from ui.page import frame
from ui.text import plain, sentence_case

log = logging.getLogger(__name__)


def attempt(source: Source) -> Analysis | None:
    """The analysis of the source, or None after saying in one sentence why there is none."""
    try:
        with Progress() as progress:
            return analyse(source, model_loader(), progress)
    except (MediaError, CheckpointError) as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")
    except ModelUnavailable:
        st.rerun()  # the model failed while this was waiting; the new run shows why
    except Exception as error:
        log.exception("analysis failed")
        st.error(
            f"This could not be analysed ({type(error).__name__}): try another clip; the app's log "
            "has the details.",
            icon=":material/error:",
        )
    return None


with frame("Analyze"):
    st.title("What emotion is in this clip?")
    intake()
    with st.container():  # always there, so that nothing below moves when the notice goes
        usable = show_loading()
    source = chosen()
    if source is None:
        modalities = usable_modalities()
        what = ", type a sentence or press a sample" if Modality.TEXT in modalities else " or press a sample"
        st.markdown(f"Drop a clip{what}: its emotion appears here, with the evidence of each of these.")
        show_promises(modalities)
    elif usable and (analysis := attempt(source)) is not None:
        show_answer(analysis, model_loader().wait())
