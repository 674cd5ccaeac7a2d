"""Reports are whole, open offline, and let nothing in a file name, a transcript or a run's record become
markup.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.inference import windows
from mmer_core.inference.card import PROHIBITED
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.runs.run import CVRun, RunError
from mmer_core.runs.summary import summarise
from mmer_core.runs.writer import RunWriter
from tiny_model import make_clip, make_model
from ui import report
from ui.analyze.clip_report import clip_report
from ui.analyze.source import Source
from ui.results.run_report import run_report

LIMITS = ("It reads how an emotion is shown.", "Words are English.")
EVIL = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'


def visible(html: str) -> str:
    """The page without plotly.js and the data of its figures."""
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def observed():
    model = make_model()
    model.record["card"] = {"limits": LIMITS}
    clip = make_clip(text=f"I am glad. {EVIL}", faces=16)
    clip = replace(clip, name=EVIL, duration=4.0, waveform=np.tile(clip.waveform, 4), notes=(EVIL,))
    return model, model.observe(clip)


@pytest.fixture(scope="module")
def html(observed) -> str:
    model, observation = observed
    timeline = windows.fuse(model, windows.score_windows(model, observation))
    source = Source(f"{EVIL}.mp4", b"bytes of the clip")
    return clip_report(source, observation, model.fuse(observation), timeline, record=model.record)


def test_a_clips_report_has_the_answer_and_what_led_to_it(observed, html):
    model, observation = observed
    prediction, text = model.fuse(observation), visible(html)
    assert f"{prediction.label.capitalize()}</h1>" in text
    for emotion in EMOTIONS:
        assert f"{100 * prediction.probabilities[emotion]:.1f}</td>" in text
    for part in (
        "Each modality on its own",
        f"What led to {prediction.label}",
        "Over time",
        "I am glad.",
        prediction.model["sha256"],
    ):
        assert part in text
    for sentence in (*LIMITS, *(p[1:] for p in PROHIBITED)):
        assert sentence.replace("'", "&#x27;") in text


@pytest.mark.parametrize("faces", [False, True])
def test_a_report_says_why_if_that_was_asked(observed, faces):
    """Pictures of the face only where pictures may be in it."""
    from mmer_core.explanation import explain

    model, observation = observed
    prediction = model.fuse(observation)
    explanation = explain(model, observation)
    frames = (np.zeros((4, 4, 3), np.uint8),) if faces else ()
    why = (explanation, list(explanation.parts))
    source = Source("clip.mp4", b"x")
    text = visible(
        clip_report(source, observation, prediction, None, record=model.record, frames=frames, why=why)
    )
    assert f"Why {prediction.label}?" in text
    assert "not what the person felt" in text
    assert text.count("<img") == (1 + len(explanation.face.frames) if faces else 0)
    assert "<img src=x" not in text


def test_figures_are_drawn_by_one_plotly_inside_the_file(html):
    assert html.count("plotly.js v") == 1
    assert html.count("Plotly.newPlot(") >= 3
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(?!data:)", visible(html))
    assert "default-src 'none'" in html


def test_text_is_set_in_a_font_for_text_on_any_machine():
    """Fonts for emoji have digits, wide ones: they come after the machine's own font for text."""
    fonts = report._FONTS
    assert fonts.index("sans-serif") < fonts.index("Emoji")
    assert "@page { size: A4" in report._STYLE


@pytest.mark.parametrize("part", ["<img src=x", "<script>alert", "</script><script>"])
def test_nothing_given_by_a_person_becomes_markup(html, part):
    assert part not in html
    assert "&lt;img src=x" in html


def test_pictures_are_in_it_only_when_asked_for(observed, html):
    model, observation = observed
    assert "data:image/jpeg" not in html
    frame = np.full((4, 6, 3), 200, dtype=np.uint8)
    answer = model.fuse(observation)
    with_frames = clip_report(
        Source("a.mp4", b"x"), observation, answer, None, record={}, frames=(frame, frame)
    )
    assert with_frames.count("data:image/jpeg;base64,") == 2
    assert "Over time" not in visible(with_frames)


def test_what_was_not_used_is_named_with_its_reason(observed):
    model, observation = observed
    answer = model.fuse(observation, {Modality.TEXT})
    text = visible(clip_report(Source("a.mp4", b"x"), observation, answer, None, record={}))
    assert "Voice: switched off." in text
    assert "Face: switched off." in text


def test_words_alone_are_called_a_sentence(observed):
    model, observation = observed
    source = Source("your sentence", text="hi")
    html = clip_report(source, observation, model.fuse(observation), None, record={})
    assert "<small>A sentence</small>" in html
    assert ">Limits<" not in html, "a model without a card states none"


LABELS = ["neutral", "joy"]


def finished_run(folder, **changes) -> CVRun:
    rng = np.random.default_rng(0)
    ids = [f"u{i}" for i in range(40)]
    folds = pd.DataFrame(
        {"id": ids, "group": [f"s{i % 4}" for i in range(40)], "fold": np.arange(40) % 2, "role": "test"}
    )
    parts = []
    for subset in ("text", "audio", "text+audio"):
        table = pd.DataFrame(
            {
                "id": ids,
                "fold": np.arange(40, dtype=np.int16) % 2,
                "subset": subset,
                "y_true": np.int16(rng.integers(0, 2, 40)),
            }
        )
        table["p_neutral"] = rng.uniform(size=40).astype(np.float32)
        table["p_joy"] = 1 - table["p_neutral"]
        parts.append(table)
    predictions = pd.concat(parts, ignore_index=True)
    truth = predictions.groupby("id")["y_true"].transform("first")
    predictions["y_true"] = truth.astype(np.int16)
    curve = {
        "fold": [0, 0, 1],
        "part": "",
        "epoch": [1, 2, 1],
        "train_loss": [0.6, 0.5, 0.6],
        "validation_loss": [0.7, 0.6, 0.7],
    }
    history = pd.DataFrame(
        curve | {"validation_accuracy": [0.5, 0.6, 0.5], "learning_rate": 0.001, "best": [False, True, True]}
    )
    settings = {
        "labels": LABELS,
        "modalities": ["text", "audio"],
        "corpus": {"name": "synthetic", "n": 40},
        "fusion": {"name": "early"},
        "training": {"epochs": 2},
        "plan": {"folds": 2},
        "command": "python -m mmer_core train",
        "seed": 3,
    }
    groups = dict(zip(folds["id"], folds["group"], strict=True))
    temperatures = {s: [1.0, 2.0] for s in ("text", "audio", "text+audio")}
    with RunWriter(folder, settings | changes) as writer:
        writer.write_folds(folds)
        writer.finish(
            predictions,
            history,
            {"metrics": summarise(predictions, temperatures, groups, LABELS), "temperatures": temperatures},
        )
    return CVRun.open(folder)


def test_a_runs_report_has_its_figures_and_how_to_repeat_it(tmp_path):
    run = finished_run(tmp_path / "run")
    text = visible(run_report(run))
    accuracy = 100 * run.metrics["text+audio"]["accuracy"][0]
    for part in (
        "Words + voice",
        f"{accuracy:.1f}",
        "python -m mmer_core train",
        "seed 3",
        "n = 40",
        "Training",
        "confidence be believed",
    ):
        assert part in text
    counts = run.confusion()
    assert all(f">{int(v)}</td>" in text for v in counts.ravel())


def test_a_runs_record_is_only_text(tmp_path):
    run = finished_run(
        tmp_path / "run", command=f"python {EVIL}", notes=[EVIL], corpus={"name": EVIL, "n": 40}
    )
    html = run_report(run)
    assert "<img src=x" not in html
    assert "<script>alert" not in html


def test_an_unfinished_run_has_no_report(tmp_path):
    run = finished_run(tmp_path / "run")
    run.record["status"] = "interrupted"
    with pytest.raises(RunError, match="is interrupted: a report needs a finished run"):
        run_report(run)


def test_columns_of_numbers_stand_right_and_gaps_show():
    html = report.table([["a", 1, "76.9 [71.2, 83.0]"], ["b", None, "–"]], ["Name", "n", "Score"])
    assert html.count("<td>") == 2
    assert html.count('<td class="number">') == 4
    assert '<td class="number">–</td>' in html


def test_the_card_of_a_finished_run_offers_its_report(tmp_path):
    def script(folder: str) -> None:
        from mmer_core.runs.run import CVRun
        from ui.results.run_card import show_card

        show_card(CVRun.open(folder))

    finished_run(tmp_path / "run")
    at = AppTest.from_function(script, kwargs={"folder": str(tmp_path / "run")}, default_timeout=120).run()
    assert not at.exception
    (button,) = (b for b in at.get("download_button") if b.key == "report-run")
    assert button.label == "Report"
    assert button.help
