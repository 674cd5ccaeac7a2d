"""The Ablation page as a person uses it: choose a run, switch modalities off, look at the last clip. Without
a browser.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from run_folders import edit, write_run
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze.analysis import Analysis
from ui.analyze.source import Source

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
TITLE = "What is each modality worth?"


@pytest.fixture
def model(folder, install_model) -> EmotionModel:
    made = install_model(make_model())
    models.model_loader().wait()
    return made


def open_page(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("pages/ablation.py")
    for name, value in query.items():
        at.query_params[name] = value
    return run(at)


def run(at) -> AppTest:
    at.run()
    assert not at.exception, at.exception[0].stack_trace
    assert [t.value for t in at.title] == [TITLE]
    return at


def figure(at: AppTest, key: str) -> dict:
    return json.loads(next(c for c in at.get("plotly_chart") if c.proto.id.endswith(f"-{key}")).proto.spec)


def metrics(at: AppTest) -> dict[str, float]:
    """{title: percent}"""
    return {m.label: float(m.value.split()[0]) for m in at.metric}


def matrix(at: AppTest) -> np.ndarray:
    """Counts of the confusion matrix, as told when pointed at."""
    cells = next(t for t in figure(at, "matrix")["data"] if t.get("name") == "cells")
    counts = [int(text.split("<br>")[1].split()[0].replace(",", "")) for text in cells["hovertext"]]
    return np.array(counts).reshape(int(len(counts) ** 0.5), -1)


def captions(at: AppTest) -> str:
    return " ".join(c.value for c in at.caption)


# A run


def test_without_a_run_the_page_says_how_to_get_one(folder):
    at = open_page()
    assert "train one" in at.info[0].value
    assert not at.toggle


def test_runs_with_one_modality_or_unfinished_are_not_offered_and_the_newest_is_shown(folder):
    edit(write_run(folder / "old").path, created="2026-01-01T00:00:00Z")
    edit(write_run(folder / "new").path, created="2026-02-01T00:00:00Z")
    write_run(folder / "alone", modalities=[Modality.AUDIO])
    edit(write_run(folder / "stopped").path, status="interrupted")
    (folder / "broken").mkdir()
    at = open_page()
    assert [o.rsplit(" · ", 1)[1] for o in at.selectbox[0].options] == ["2026-02-01", "2026-01-01"]
    assert at.selectbox[0].value == "new"
    assert not at.error


def test_the_address_names_the_run(folder):
    edit(write_run(folder / "first", labels=EMOTIONS[:3]).path, created="2026-01-01T00:00:00Z")
    write_run(folder / "second")
    at = open_page(run="first")
    assert at.selectbox[0].value == "first"
    assert matrix(at).shape == (3, 3)
    at.selectbox[0].set_value("second")
    run(at)
    assert at.query_params["run"] in ("second", ["second"])
    assert matrix(at).shape == (4, 4)


def test_the_page_alone_does_not_change_the_address(folder):
    """Or the first step back would be swallowed."""
    write_run(folder / "here")
    assert "run" not in open_page().query_params


def test_one_sentence_says_which_modality_matters(folder):
    write_run(folder / "run", modalities=THREE)
    at = open_page()
    assert any("macro\\-F1 falls by" in m.value for m in at.markdown)
    links = {link.proto.label: link.proto for link in at.get("page_link")}
    assert "run=run" in links["Results of this run"].query_string


def test_an_address_with_an_unknown_run_shows_the_newest_and_says_so(folder):
    write_run(folder / "here")
    at = open_page(run="<b>gone")
    assert r"\<b\>gone is not a run" in at.warning[0].value
    assert at.selectbox[0].value == "here"


@pytest.mark.parametrize("off", [[], [1], [0, 2], [0, 1, 2]])
def test_switches_give_the_scores_and_the_matrix_of_the_subset(folder, off):
    made = write_run(folder / "run", modalities=THREE)
    at = open_page()
    assert [t.label for t in at.toggle] == ["Words", "Voice", "Face"]
    for i in off:
        at.toggle[i].set_value(False)
    run(at)
    left = [m for i, m in enumerate(THREE) if i not in off]
    if left:
        subset = "+".join(left)
        expected, counts = made.metrics[subset], made.confusion(subset)
        assert list(metrics(at).values()) == pytest.approx(
            [100 * expected[m][0] for m in ("accuracy", "ua", "weighted_f1")], abs=0.06
        )
        assert all(r"\[" in m.value for m in at.metric), "with intervals"
        assert (matrix(at) == counts).all()
    else:
        assert metrics(at)["Accuracy"] == pytest.approx(
            100 * made.record["baselines"]["majority"]["accuracy"], abs=0.06
        )
        assert "class prior" in at.info[0].value
        assert np.count_nonzero(matrix(at).sum(axis=0)) >= 1
    assert (
        [m.delta for m in at.metric] == ["everything on"] * 3
        if not off
        else all(m.delta.endswith("points") for m in at.metric)
    )


def test_all_combinations_are_shown_with_the_lines_of_chance_and_majority(folder):
    made = write_run(folder / "run", modalities=THREE)
    at = open_page()
    bars = figure(at, "subsets")
    assert bars["data"][0]["x"] == [made.metrics[s]["accuracy"][0] for s in made.metrics]
    lines = sorted(shape["x0"] for shape in bars["layout"]["shapes"])
    assert lines == pytest.approx(sorted([0.25, made.record["baselines"]["majority"]["accuracy"]]), abs=1e-6)
    at.get("button_group")[2].set_value("weighted_f1")
    run(at)
    bars = figure(at, "subsets")
    assert bars["data"][0]["x"] == [made.metrics[s]["weighted_f1"][0] for s in made.metrics]
    assert len(bars["layout"]["shapes"]) == 1, "the weighted F1 of chance is not known"


def test_shares_sum_to_the_score_of_the_run(folder):
    made = write_run(folder / "run", modalities=THREE)
    at = open_page()
    steps = figure(at, "shares")["data"][0]
    assert sum(steps["x"][:-1]) == pytest.approx(steps["x"][-1])
    assert steps["x"][-1] == pytest.approx(made.metrics[made.full]["accuracy"][0], abs=1e-6)
    assert "adds most to" in " ".join(m.value for m in at.markdown)
    assert "most frequent in training" in captions(at)


def test_two_of_three_can_be_compared(folder):
    write_run(folder / "run", modalities=THREE)
    at = open_page()
    assert figure(at, "disagreement")["data"][0]["y"][1:3] == ["Only words right", "Only voice right"]
    pairs = next(b for b in at.get("button_group") if b.label == "Which two")
    assert len(pairs.options) == 3
    pairs.set_value("audio+visual")
    run(at)
    assert figure(at, "disagreement")["data"][0]["y"][1:3] == ["Only voice right", "Only face right"]


def test_robustness_ends_at_the_scores_of_the_other_modality(folder):
    made = write_run(folder / "run")
    lines = {line["name"]: line["y"] for line in figure(open_page(), "missing")["data"]}
    ends = {name: json_numbers(y) for name, y in lines.items()}
    assert ends["Voice missing"][-1] == pytest.approx(made.metrics["visual"]["accuracy"][0], abs=1e-6)
    assert ends["Voice missing"][0] == pytest.approx(made.metrics["audio+visual"]["accuracy"][0], abs=1e-6)


def json_numbers(values) -> list[float]:
    """Plotly sends arrays as base64."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()
    return values


def test_a_damaged_run_is_one_sentence(folder):
    made = write_run(folder / "run")
    path = made.path / "predictions.parquet"
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    at = open_page()
    assert at.error[0].value.endswith(".")
    assert "predictions" in at.error[0].value


def test_every_control_has_help(folder):
    write_run(folder / "run", modalities=THREE)
    at = open_page()
    for control in (
        *at.button,
        *at.toggle,
        *at.selectbox,
        *at.get("button_group"),
        *at.get("download_button"),
        *at.metric,
    ):
        assert control.help if hasattr(control, "help") else control.proto.help, control


def test_every_figure_can_be_taken_away_and_says_what_it_shows(folder):
    write_run(folder / "run", modalities=THREE)
    at = open_page()
    names = {b.proto.id.split("csv-")[-1] for b in at.get("download_button") if "csv-" in b.proto.id}
    assert {n.removeprefix("run-") for n in names} == {
        "text+audio+visual-confusion",
        "subsets",
        "shapley-accuracy",
        "shapley-recall",
        "disagreement-text-audio",
        "missing-accuracy",
    }
    assert all(c.proto.alt for c in at.get("plotly_chart"))


# The last clip


def with_clip(model: EmotionModel, **changes) -> AppTest:
    """The page for a clip that was analysed on this visit."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    observation = model.observe(make_clip(**changes))
    source = Source("my_clip.mp4", b"...")
    at.session_state["analyses"] = {
        (source.digest, model.identity["sha256"]): Analysis(source, observation, [], {})
    }
    at.switch_page("pages/ablation.py")
    at.query_params["of"] = "The last clip"
    return run(at)


def shares(at: AppTest) -> dict[str, dict[str, float]]:
    """{column: {emotion: percent}} as written in the cells."""
    table: dict[str, dict[str, float]] = {}
    for trace in figure(at, "clip-shares")["data"][1:]:
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            plain = text.replace("<b>", "").replace("</b>", "").replace("−", "-")
            table.setdefault(x, {})[y.split()[-1].lower()] = float(plain)
    return table


def test_without_a_clip_the_page_says_where_to_go(folder):
    at = open_page(of="The last clip")
    assert "analyse one" in at.info[0].value
    assert not at.toggle


@pytest.mark.parametrize("off", [[], [1], [0, 2], [0, 1, 2]])
def test_every_row_sums_from_the_prior_to_the_shown_probability(model, off):
    at = with_clip(model)
    for i in off:
        at.toggle[i].set_value(False)
    run(at)
    left = [m for i, m in enumerate(THREE) if i not in off]
    expected = model.fuse(model.observe(make_clip()), left)
    table = shares(at)
    assert list(table) >= ["Answer", "Prior"]
    assert len(table) == 2 + len(left)
    for emotion in EMOTIONS:
        assert table["Answer"][emotion] == pytest.approx(100 * expected.probabilities[emotion], abs=0.051)
        parts = sum(column[emotion] for name, column in table.items() if name != "Answer")
        assert parts == pytest.approx(table["Answer"][emotion], abs=0.051 * (len(left) + 2)), "up to rounding"
    bars = figure(at, "clip-emotions")["data"]
    assert bars[0]["x"] == pytest.approx([expected.probabilities[e] for e in EMOTIONS])
    assert (len(bars) == 2) == bool(off), "the answer with everything on is marked"


def test_what_the_clip_lacks_cannot_be_switched_on(model):
    at = with_clip(model, sound=False, text="I am glad")
    voice = next(t for t in at.toggle if t.label == "Voice")
    assert voice.disabled
    assert "Not in this clip: the clip has no sound" in voice.help
    assert "Voice" not in shares(at)


def test_the_name_of_the_file_is_only_text(model):
    at = with_clip(model)
    assert any(r"my\_clip" in m.value for m in at.markdown)


def test_corrected_words_count(model):
    at = with_clip(model)
    before = shares(at)
    (analysis,) = at.session_state["analyses"].values()
    at.session_state[f"words-{analysis.digest}"] = "zzzzzz!"
    run(at)
    expected = model.fuse(model.reword(analysis.observation, "zzzzzz!"))
    assert shares(at) != before
    assert shares(at)["Answer"]["joy"] == pytest.approx(100 * expected.probabilities["joy"], abs=0.051)


def test_a_clip_of_another_model_is_not_shown(model):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    observation = replace(model.observe(make_clip()))
    at.session_state["analyses"] = {
        ("digest", "another model"): Analysis(Source("clip.mp4", b""), observation, [], {})
    }
    at.switch_page("pages/ablation.py")
    at.query_params["of"] = "The last clip"
    run(at)
    assert "The model has changed" in at.info[0].value
