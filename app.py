"""The door: `streamlit run app.py`. Page settings and the list of pages; each page stands on its own."""

from __future__ import annotations

import streamlit as st

from ui.page import PAGES, enter

enter()
st.set_page_config(
    page_title="Multimodal emotion recognition", page_icon="🎭", layout="wide", menu_items={"About": None}
)
st.navigation(
    [
        st.Page(
            PAGES / "analyze.py",
            title="Analyze",
            icon=":material/mood:",
            default=True,
            help="Give a clip or a sentence and see the emotion in it.",
        ),
        st.Page(
            PAGES / "live.py",
            title="Live",
            icon=":material/videocam:",
            help="Watch the camera and the microphone as they are read.",
        ),
        st.Page(
            PAGES / "results.py",
            title="Results",
            icon=":material/grid_on:",
            help="Explore cross-validation runs: what was right, and what was not.",
        ),
        st.Page(
            PAGES / "ablation.py",
            title="Ablation",
            icon=":material/tune:",
            help="Switch modalities off and see what each is worth.",
        ),
        st.Page(
            PAGES / "train.py",
            title="Train",
            icon=":material/model_training:",
            help="Train fusion models by cross-validation and watch them.",
        ),
        st.Page(
            PAGES / "about.py",
            title="About",
            icon=":material/info:",
            help="What the model was trained on, how good it is, and what it is not for.",
        ),
    ],
    position="top",
).run()
