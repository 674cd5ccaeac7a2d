"""The Results page as a person uses it: the list, one run, several, and everything that can be wrong with a
folder. Without a browser.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from media_factory import write_sound
from run_folders import edit, settings, write_run
from streamlit.testing.v1 import AppTest

from mmer_core import corpora
from mmer_core.config import ROOT
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.runs.run import PROGRESS
from mmer_core.runs.writer import RunWriter, write_table

FOUR = EMOTIONS[:4]


def open_page(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("pages/results.py")
    for name, value in query.items():
        at.query_params[name] = value
    return run(at)


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception[0].stack_trace
    return at


def table(at: AppTest) -> pd.DataFrame:
    """The list of runs."""
    return next(d for d in at.dataframe if d.key.startswith("runs-table")).value


def frame(at: AppTest, column: str) -> pd.DataFrame:
    """The first table that has this column."""
    return next(d.value for d in at.dataframe if column in d.value)


def chart(at: AppTest, key: str) -> dict:
    element = next(c for c in at.get("plotly_chart") if c.proto.id.endswith(f"-{key}"))
    return json.loads(element.proto.spec)


def cells(at: AppTest, key: str) -> dict[tuple[int, int], str]:
    """{(true, predicted): what stands in the cell}."""
    traces = [t for t in chart(at, key)["data"] if t.get("name") in ("plain", "white")]
    return {
        (y, x): t
        for trace in traces
        for x, y, t in zip(numbers(trace["x"]), numbers(trace["y"]), trace["text"], strict=True)
    }


def numbers(values) -> list[int]:
    """A list as Plotly sends it, plain or packed."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()
    return values


def address(at: AppTest) -> str:
    """The pick as the URL keeps it."""
    value = at.query_params["run"]
    return value if isinstance(value, str) else ",".join(value)


def said(at: AppTest) -> str:
    return " ".join(
        e.value for kind in (at.markdown, at.caption, at.info, at.warning, at.error, at.success) for e in kind
    )


def control(at: AppTest, kind: str, label: str):
    return next(w for w in at.get(kind) if w.label == label)


def test_without_runs_it_says_how_to_train_one(folder):
    at = open_page()
    assert "No runs yet" in said(at)
    assert "python -m mmer_core train" in at.code[0].value
    assert not at.dataframe
    folder.rmdir()
    assert "No runs yet" in said(open_page())


def test_the_list_says_what_each_run_is_and_reached(folder):
    made = write_run(folder / "a")
    edit(folder / "a", created="2026-03-04T10:00:00Z")
    row = table(open_page()).iloc[0]
    expected = {
        "Corpus": "crema_d",
        "Classes": 4,
        "Fusion": "early",
        "Modalities": "Voice + face",
        "Folds": 3,
        "Leakage": "clean",
        "Status": "finished",
        "Date": "2026-03-04",
        "Run": "a",
    }
    assert row[list(expected)].to_dict() == expected
    value, low, high = made.metrics["audio+visual"]["accuracy"]
    assert row["Accuracy"] == f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def test_newest_first_and_filters_narrow_the_list(folder):
    for day, (name, changes) in enumerate(
        {"a": {}, "b": {"fusion": "late_mean"}, "c": {"corpus": "meld", "labels": EMOTIONS}}.items(), 1
    ):
        write_run(folder / name, **changes)
        edit(folder / name, created=f"2026-01-0{day}T00:00:00Z")
    at = open_page()
    assert table(at)["Run"].tolist() == ["c", "b", "a"]
    at.multiselect(key="filter-Corpus").set_value(["crema_d"])
    run(at)
    assert table(at)["Run"].tolist() == ["b", "a"]
    at.multiselect(key="filter-Fusion").set_value(["late_mean"])
    run(at)
    assert table(at)["Run"].tolist() == ["b"]
    at.multiselect(key="filter-Corpus").set_value([])
    at.multiselect(key="filter-Fusion").set_value([])
    at.multiselect(key="filter-Classes").set_value([7])
    assert table(run(at))["Run"].tolist() == ["c"]
    at.multiselect(key="filter-Fusion").set_value(["late_mean"])
    run(at)
    assert table(at).empty
    assert "No run fits these filters" in said(at)


def tick(at: AppTest, *rows: int) -> AppTest:
    """Tick rows of the list, as a click in the browser does."""
    key = next(d for d in at.dataframe if d.key.startswith("runs-table")).key
    at.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return run(at)


def test_a_link_opens_the_same_runs_again(folder):
    write_run(folder / "a")
    write_run(folder / "b", seed=1)
    at = open_page(run="b")
    assert at.header[0].value.startswith(r"crema\_d, 4 classes\: early \(Voice \+ face\) · ")
    assert "b · " in said(at)
    at = open_page(run="a,b")
    assert [h.value for h in at.header] == ["2 runs compared"]


def test_runs_that_would_look_alike_are_told_apart(folder):
    write_run(folder / "a")
    edit(write_run(folder / "b", seed=1).path, fusion={"name": "early", "options": {"hidden": [16]}})
    at = open_page(run="a,b")
    assert chart(at, "compare-scores")["data"][0]["y"] in (
        ["early · hidden 8", "early · hidden 16"],
        ["early · hidden 16", "early · hidden 8"],
    )
    assert set(table(at)["Differs in"]) == {"hidden 8", "hidden 16"}
    assert control(at, "multiselect", "Look at").options[:2] == ["early · hidden 8", "early · hidden 16"]
    assert "2 runs" in said(at)


def test_a_link_opens_a_cell_with_its_modalities_and_fold(folder):
    write_run(folder / "a")
    at = open_page(run="a", cell="anger,neutral", modalities="audio", fold="1")
    assert at.selectbox(key="shown-a").value == "anger"
    assert at.selectbox(key="read-a").value == "neutral"
    assert at.selectbox(key="fold-a").value == "Fold 1"
    assert at.segmented_control(key="subset-a").value == "audio"
    assert "anger read as neutral" in said(at)
    at.query_params.pop("cell")  # as one step back does
    run(at)
    assert at.selectbox(key="shown-a").value is None
    assert "Click a cell of the matrix" in said(at)


def test_a_chosen_cell_goes_into_the_address_and_leaves_it_with_the_run(folder):
    write_run(folder / "a")
    write_run(folder / "b", seed=1)
    at = choose_cell(open_page(run="a"), "anger", "joy" if "joy" in FOUR else "fear")
    assert at.query_params["cell"] in (["anger,fear"], "anger,fear", ["anger,joy"])
    control(at, "multiselect", "Look at").set_value(["b"])
    run(at)
    assert address(at) == "b"
    assert "cell" not in at.query_params


@pytest.mark.parametrize("cell", ["anger", "anger,gone", ",", "<b>,x"])
def test_a_link_to_a_cell_that_is_not_there_shows_the_run(folder, cell):
    write_run(folder / "a")
    at = open_page(run="a", cell=cell, modalities="text", fold="99")
    assert at.selectbox(key="shown-a").value is None
    assert at.selectbox(key="fold-a").value == "All folds"
    assert len(at.metric) == 3


def test_one_sentence_says_which_modality_matters(folder):
    write_run(folder / "a")
    write_run(folder / "alone", modalities=[Modality.AUDIO])
    assert "Which modality matters?" in said(open_page(run="a"))
    assert "macro\\-F1 falls by" in said(open_page(run="a"))
    assert "Which modality matters?" not in said(open_page(run="alone"))


def test_a_run_leads_to_its_ablation(folder):
    write_run(folder / "a")
    links = {link.proto.label: link.proto for link in open_page(run="a").get("page_link")}
    assert "run=a" in links["Ablation of this run"].query_string


def test_a_pick_goes_into_the_address_and_out_again(folder):
    write_run(folder / "a")
    write_run(folder / "b", seed=1)
    at = open_page()
    assert "run" not in at.query_params
    control(at, "multiselect", "Look at").set_value(["a"])
    run(at)
    assert address(at) == "a"
    assert len(at.header) == 1
    control(at, "multiselect", "Look at").set_value(["a", "b"])
    run(at)
    assert address(at) == "a,b"
    assert at.header[0].value == "2 runs compared"
    control(at, "multiselect", "Look at").set_value([])
    run(at)
    assert "run" not in at.query_params
    assert not at.header


def test_a_filter_keeps_what_was_picked(folder):
    write_run(folder / "a")
    write_run(folder / "b", fusion="late_mean")
    at = open_page(run="a")
    at.multiselect(key="filter-Fusion").set_value(["late_mean"])
    run(at)
    assert table(at)["Run"].tolist() == ["b"]
    assert len(at.metric) == 3
    assert address(at) == "a"


@pytest.mark.parametrize("name", ["gone", "..", "../../etc", "a/b"])
def test_a_link_to_a_run_that_is_not_here(folder, name):
    write_run(folder / "a")
    at = open_page(run=name)
    assert "There is no run called" in at.warning[0].value
    assert not at.header
    assert len(table(at)) == 1


def break_(folder, how):
    write_run(folder)
    if how == "half":
        (folder / "run.json").write_text('{"schema": 1, "na')
    elif how == "schema":
        edit(folder, schema=99)
    elif how == "missing":
        (folder / "history.parquet").unlink()
    elif how == "nan":
        edit(folder, metrics={"audio+visual": {"accuracy": [float("nan")] * 3}})
    elif how == "labels":
        edit(folder, labels="neutral")
    elif how == "column":
        write_table(
            folder / "predictions.parquet",
            pd.read_parquet(folder / "predictions.parquet").drop(columns="p_fear"),
        )
        edit(folder, files={})


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("half", "cannot be read"),
        ("schema", "has schema 99 and this version reads"),
        ("missing", "lacks history.parquet"),
        ("nan", "no valid 'accuracy'"),
        ("labels", "lacks a valid 'labels'"),
        ("column", "lacks the column p_fear"),
    ],
)
def test_a_broken_folder_is_listed_with_its_reason_and_the_others_work(folder, how, reason):
    write_run(folder / "good")
    break_(folder / "bad", how)
    at = open_page(run="bad")
    assert table(at)["Run"].tolist() == ["good"]
    assert any(e.label == "1 folder cannot be shown" for e in at.expander)
    assert reason in said(at).replace("\\", "")
    assert len(at.error) == 1
    at.query_params["run"] = "good"
    run(at)
    assert len(at.metric) == 3


def test_nan_among_the_predictions_is_said_where_they_are_needed(folder):
    write_run(folder / "a")
    predictions = pd.read_parquet(folder / "a" / "predictions.parquet")
    predictions.loc[predictions["subset"] == "audio+visual", "p_anger"] = np.nan
    write_table(folder / "a" / "predictions.parquet", predictions, by="subset")
    edit(folder / "a", files={})
    at = open_page(run="a")
    at.selectbox(key="fold-a").set_value("Fold 1")
    run(at)
    assert "not numbers" in at.error[0].value
    assert len(at.metric) == 3


def test_nan_is_said_in_a_comparison_too(folder):
    write_run(folder / "a")
    write_run(folder / "b", seed=1)
    predictions = pd.read_parquet(folder / "b" / "predictions.parquet")
    predictions["p_anger"] = np.nan
    write_table(folder / "b" / "predictions.parquet", predictions, by="subset")
    edit(folder / "b", files={})
    text = said(open_page(run="a,b"))
    assert text.count("not numbers") == 2


@pytest.mark.parametrize(
    ("file", "column", "tab"), [("history", "epoch", "Folds and training"), ("folds", "group", "Confusions")]
)
def test_a_column_missing_elsewhere_is_named_where_it_is_needed(folder, file, column, tab):
    write_run(folder / "a")
    path = folder / "a" / f"{file}.parquet"
    write_table(path, pd.read_parquet(path).drop(columns=column))
    edit(folder / "a", files={})
    at = open_tab(choose_cell(open_page(run="a"), "anger", "anger"), "a", tab)
    assert f"{file}.parquet lacks the column" in at.error[0].value.replace("\\", "")
    assert len(at.metric) == 3


def test_a_run_in_training_shows_how_far_it_is_and_its_curves(folder):
    y = np.arange(8) % 4
    with RunWriter(folder / "now", settings(FOUR, (Modality.AUDIO,), y)) as writer:
        curves = {
            "0": [
                {"epoch": 1, "train_loss": 1.0, "validation_loss": 1.1},
                {"epoch": 2, "train_loss": 0.8, "validation_loss": 0.9},
            ]
        }
        writer.progress({"folds": 3, "done": 1, "share": 0.4, "curves": curves}, always=True)
        at = open_page(run="now")
        assert table(at)["Status"].tolist() == ["running"]
        (bar,) = at.get("progress")
        assert bar.value == 40
        assert "1 of 3 folds done" in bar.proto.text
        assert "Still in training" in said(at)
        assert numbers(chart(at, "curves-now")["data"][0]["x"]) == [1, 2]
        assert at.code[0].value.startswith("python -m mmer_core train")
    at = open_page(run="now")
    assert table(at)["Status"].tolist() == ["interrupted"]
    assert not at.get("progress")
    assert "The training was stopped" in said(at)


def test_a_failed_run_says_why(folder):
    with (
        pytest.raises(OSError, match="No space"),
        RunWriter(folder / "full", settings(FOUR, (Modality.AUDIO,), np.arange(8) % 4)),
    ):
        raise OSError(28, "No space left on device")
    at = open_page(run="full")
    assert "No space left on device" in at.error[0].value


@pytest.mark.parametrize(
    "content", ["{half", '{"share": "much"}', '{"curves": {"": [1]}}', '{"curves": [3]}', "{}"]
)
def test_a_damaged_progress_file_is_no_obstacle(folder, content):
    with RunWriter(folder / "now", settings(FOUR, (Modality.AUDIO,), np.arange(8) % 4)):
        (folder / "now" / PROGRESS).write_text(content)
        assert "Still in training: 0 of ? folds" in said(open_page(run="now"))


def test_one_run_shows_its_figures_and_its_matrix(folder):
    made = write_run(folder / "a")
    at = open_page(run="a")
    accuracy, ua, f1 = (made.metrics["audio+visual"][m] for m in ("accuracy", "ua", "weighted_f1"))
    assert [m.value for m in at.metric] == [f"{100 * v[0]:.1f} %" for v in (accuracy, ua, f1)]
    assert at.metric[0].delta == f"95 %: {100 * accuracy[1]:.1f} to {100 * accuracy[2]:.1f}"
    confusion = made.confusion()
    share = confusion / confusion.sum(axis=1, keepdims=True)
    shown = cells(at, "matrix-a")
    assert shown[0, 0] == f"{100 * share[0, 0]:.1f}"
    at.segmented_control(key="norm-a").set_value("counts")
    shown = cells(run(at), "matrix-a")
    assert shown == {(t, p): str(n) if n else "·" for (t, p), n in np.ndenumerate(confusion)}


LINEAR = {
    "accuracy": [0.5, 0.4, 0.6],
    "ua": [0.45, 0.35, 0.55],
    "macro_f1": [0.4, 0.3, 0.5],
    "weighted_f1": [0.42, 0.32, 0.52],
    "chosen": [0.001] * 3,
}


def with_linear(path, difference: list[float | None], p: float | None = 0.004):
    """The run with a linear baseline and a paired test against it."""
    made = json.loads((path / "run.json").read_text())["baselines"]
    paired = {"n": 120, "metric": "accuracy", "difference": difference, "p_bootstrap": p}
    edit(path, baselines={**made, "linear": {**LINEAR, "paired": paired}})


@pytest.mark.parametrize(
    ("difference", "p", "verdict"),
    [
        ([0.12, 0.08, 0.163], 0.0002, "The network is better: +12.0 [+8.0, +16.3] points of accuracy"),
        ([-0.05, -0.09, -0.01], 0.02, "The linear model is better: −5.0 [−9.0, −1.0]"),
        ([0.01, -0.03, 0.05], 0.6, "No difference is shown: +1.0 [−3.0, +5.0]"),
        ([0.01, None, None], None, "There are too few groups to say whether the network is better: +1.0"),
    ],
)
def test_the_linear_baseline_says_what_the_network_adds(folder, difference, p, verdict):
    with_linear(write_run(folder / "a").path, difference, p)
    at = open_page(run="a")
    text = said(at).replace("\\", "")
    assert "What does the network add?" in text
    assert "accuracy 50.0 [40.0, 60.0] %, UA 45.0 [35.0, 55.0] %, weighted F1 42.0" in text
    assert verdict in text
    at.segmented_control(key="subset-a").set_value("visual")
    assert "What does the network add?" not in said(run(at)), "it reads all modalities"


def test_a_run_without_a_linear_baseline_shows_none(folder):
    write_run(folder / "a")
    assert "What does the network add?" not in said(open_page(run="a"))


def test_runs_on_the_same_features_share_a_linear_baseline_in_the_comparison(folder):
    for seed, (name, fusion) in enumerate({"a": "early", "b": "late_mean"}.items()):
        with_linear(write_run(folder / name, seed=seed, fusion=fusion).path, [0.1, 0.0, 0.2])
    at = open_page(run="a,b")
    names = [trace["y"][0] for trace in chart(at, "compare-scores")["data"][1:]]
    assert names.count("Linear model on the same features") == 1
    edit(folder / "b", baselines={"linear": {**LINEAR, "accuracy": [0.6, 0.5, 0.7]}})
    names = [trace["y"][0] for trace in chart(run(at), "compare-scores")["data"][1:]]
    assert [n for n in names if n.startswith("Linear")] == [
        "Linear model on the same features: late_mean",
        "Linear model on the same features: early",
    ]


def test_modalities_and_folds_change_figures_and_matrix(folder):
    made = write_run(folder / "a")
    at = open_page(run="a")
    at.segmented_control(key="norm-a").set_value("counts")
    at.segmented_control(key="subset-a").set_value("visual")
    run(at)
    assert at.metric[0].value == f"{100 * made.metrics['visual']['accuracy'][0]:.1f} %"
    assert cells(at, "matrix-a")[0, 0] == str(made.confusion("visual")[0, 0])
    at.selectbox(key="fold-a").set_value("Fold 2")
    run(at)
    expected = made.confusion("visual", fold=2)
    assert cells(at, "matrix-a") == {(t, p): str(n) if n else "·" for (t, p), n in np.ndenumerate(expected)}
    assert f"n = {expected.sum()}" in said(at)


def test_per_class_figures_are_those_of_the_record(folder):
    made = write_run(folder / "a")
    rows = frame(open_page(run="a"), "Clips (support)")
    for (_, row), (label, figures) in zip(
        rows.iterrows(), made.metrics["audio+visual"]["per_class"].items(), strict=True
    ):
        assert label.capitalize() in row["Emotion"]
        assert row[["Precision, %", "Recall, %", "F1, %"]].tolist() == [
            round(100 * figures[k], 1) for k in ("precision", "recall", "f1")
        ]
        assert row["Clips (support)"] == figures["support"]


def choose_cell(at: AppTest, shown: str, read: str) -> AppTest:
    at.selectbox(key="shown-a").set_value(shown)
    at.selectbox(key="read-a").set_value(read)
    return run(at)


def test_a_cell_lists_its_clips_surest_first(folder):
    made = write_run(folder / "a", evidence=0.3)
    at = open_page(run="a")
    choose_cell(at, "anger", "neutral")
    listed = frame(at, "Clip")
    rows = made.predictions()
    predicted = rows[made.probability_columns].to_numpy().argmax(axis=1)
    inside = rows[(rows["y_true"] == 1) & (predicted == 0)].sort_values("p_neutral", ascending=False)
    assert listed["Clip"].tolist() == inside["id"].tolist()
    assert listed["Speaker"].tolist() == [made.groups[i] for i in inside["id"]]
    np.testing.assert_allclose(listed["Neutral, %"], 100 * inside["p_neutral"], atol=0.06)
    assert f"{len(inside)} clips of anger read as neutral" in said(at)
    assert len(chart(at, "matrix-a")["layout"]["shapes"]) == 1
    at.selectbox(key="fold-a").set_value("Fold 1")
    assert set(frame(run(at), "Clip")["Fold"]) == {1}


def test_an_empty_cell_says_so(folder):
    write_run(folder / "a", evidence=9.0)
    at = choose_cell(open_page(run="a"), "anger", "neutral")
    assert "0 clips of anger read as neutral" in said(at)


def own_corpus(folder) -> tuple[str, corpora.Manifest]:
    """A manifest of sixteen utterances: eight sounds, eight only words."""
    folder.mkdir()
    write_sound(folder / "tone.wav", seconds=0.1)
    rows = [
        f"c{i:02d},{'tone.wav' if i < 8 else ''},Sentence {i}.,{FOUR[i % 4]},s{i // 4}" for i in range(16)
    ]
    (folder / "clips.csv").write_text("\n".join(["id,path,text,label,speaker", *rows]))
    return str(folder / "clips.csv"), corpora.read(folder / "clips.csv")


def pick_clip(at: AppTest, row: int) -> AppTest:
    key = next(d for d in at.dataframe if (d.key or "").startswith("clips-a")).key
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return run(at)


def test_words_and_media_come_from_the_corpus_that_the_request_names(folder, tmp_path):
    spec, manifest = own_corpus(tmp_path / "corpus")
    write_run(
        folder / "a",
        ids=manifest.ids,
        truth=manifest.y,
        labels=manifest.labels,
        evidence=9.0,
        corpus="csv",
        request={"corpus": spec},
    )
    edit(folder / "a", corpus={"name": "csv", "fingerprint": manifest.fingerprint, "n": 16})
    at = choose_cell(open_page(run="a"), "anger", "anger")
    listed = frame(at, "Clip")
    assert set(listed["Text"]) == {"Sentence 1.", "Sentence 5.", "Sentence 9.", "Sentence 13."}
    assert "not exactly the corpus" not in said(at)
    sound = listed["Clip"].tolist().index("c01")
    pick_clip(at, sound)
    assert len(at.get("audio")) == 1
    assert "Sentence 1" in said(at)
    assert "Voice alone" in said(at)
    assert chart(at, "clip-a")
    pick_clip(at, listed["Clip"].tolist().index("c09"))
    assert not at.get("audio")
    assert "not in the corpus on this machine" in said(at)


def test_another_version_of_the_corpus_is_said(folder, tmp_path):
    spec, manifest = own_corpus(tmp_path / "corpus")
    write_run(
        folder / "a",
        ids=manifest.ids,
        truth=manifest.y,
        labels=manifest.labels,
        request={"corpus": spec},
    )
    at = choose_cell(open_page(run="a"), "anger", "anger")
    assert "not exactly the corpus this run was trained on" in said(at)


def test_a_corpus_elsewhere_can_be_named(folder, tmp_path):
    spec, manifest = own_corpus(tmp_path / "corpus")
    write_run(
        folder / "a",
        ids=manifest.ids,
        truth=manifest.y,
        labels=manifest.labels,
        evidence=9.0,
        request={"corpus": "crema_d:nowhere/crema_d"},
    )
    at = choose_cell(open_page(run="a"), "anger", "anger")
    assert "crema_d:nowhere/crema_d) is not on this machine" in said(at).replace("\\", "")
    assert "Text" not in frame(at, "Clip")
    where = control(at, "text_input", "Folder of the corpus on this machine")
    where.set_value(str(tmp_path / "nowhere"))
    run(at)
    assert "is not on this machine" in said(at)
    control(at, "text_input", "Folder of the corpus on this machine").set_value(spec)
    run(at)
    assert "Sentence 1." in frame(at, "Clip")["Text"].tolist()


def open_tab(at: AppTest, name: str, tab: str) -> AppTest:
    at.session_state[f"tab-{name}"] = tab
    return run(at)


def test_folds_and_training(folder):
    made = write_run(folder / "a", parts=("audio", "visual"))
    at = open_tab(open_page(run="a"), "a", "Folds and training")
    folds = made.metrics["audio+visual"]["folds"]
    assert frame(at, "Fold")["Accuracy, %"].tolist() == [round(100 * v, 1) for v in folds["accuracy"]["each"]]
    assert (
        len([t for t in chart(at, "curves-a")["data"] if t["mode"] == "lines"]) == 9
    )  # three folds, two losses and a score
    assert control(at, "button_group", "Network").options == ["Voice", "Face"]
    assert not [c for c in at.get("plotly_chart") if "matrix" in c.proto.id]


def test_calibration_before_and_after(folder):
    made = write_run(folder / "a")
    at = open_tab(open_page(run="a"), "a", "Calibration")
    figures = made.metrics["audio+visual"]
    assert (
        f"{100 * figures['ece']:.1f} % before temperature scaling and "
        f"{100 * figures['ece_calibrated']:.1f} % after" in said(at)
    )
    assert len(chart(at, "reliability-a")["data"]) == 5


def test_the_card_repeats_the_run(folder):
    made = write_run(folder / "a", notes=["A note about the corpus."])
    at = open_tab(open_page(run="a"), "a", "Run card")
    assert at.code[0].value == made.record["command"]
    text = said(at)
    for part in (
        "Leakage check: clean",
        "Nothing is on both sides",
        "On validation speakers",
        "A note about the corpus",
        "6 speakers",
    ):
        assert part in text.replace("\\", "")
    rows = frame(at, "Setting")
    assert {("fusion", "hidden", "[8]"), ("versions", "mmer", "0.1.0")} <= set(
        rows.itertuples(index=False, name=None)
    )


def test_a_split_that_leaks_is_said_beside_the_figures(folder):
    write_run(folder / "a", leaks=True, leakage={"verdict": "leaks", "reason": "People are on both sides."})
    at = open_page(run="a")
    assert "figures are too good" in at.warning[0].value
    assert table(at)["Leakage"].tolist() == ["leaks"]


def test_two_runs_are_compared_with_tests_and_what_others_reached(folder):
    six = tuple(e for e in EMOTIONS if e != "surprise")
    good = write_run(folder / "good", labels=six, n=240, evidence=2.0, fusion="crossmodal")
    poor = write_run(folder / "poor", labels=six, n=240, evidence=0.2, seed=1)
    at = open_page(run="poor,good")
    drawn = chart(at, "compare-scores")["data"]
    assert drawn[0]["y"] == ["crossmodal", "early"]  # best first
    np.testing.assert_allclose(
        drawn[0]["x"], [100 * r.metrics["audio+visual"]["accuracy"][0] for r in (good, poor)]
    )
    assert [t["y"][0] for t in drawn[1:]] == [
        "People, seeing and hearing",
        "People, seeing only",
        "People, hearing only",
        "Most frequent class",
        "Chance",
    ]
    (pair,) = frame(at, "First").to_dict("records")
    assert (pair["First"], pair["Second"]) == ("early", "crossmodal")
    assert pair["Verdict"] == "second is better"
    assert pair["p (McNemar)"] == "< 0.001"
    difference = good.confusion() / good.confusion().sum(
        axis=1, keepdims=True
    ) - poor.confusion() / poor.confusion().sum(axis=1, keepdims=True)
    assert cells(at, "compare-difference")[0, 0] == f"{100 * difference[0, 0]:+.1f}"
    at.segmented_control(key="compare-score").set_value("weighted_f1")
    at.selectbox(key="compare-subset").set_value("audio")
    run(at)
    drawn = chart(at, "compare-scores")["data"]
    np.testing.assert_allclose(
        drawn[0]["x"], [100 * r.metrics["audio"]["weighted_f1"][0] for r in (good, poor)]
    )
    assert [t["y"][0] for t in drawn[1:]] == ["Most frequent class"]  # others give no such figure


def test_runs_that_cannot_be_tested_say_why_and_are_drawn_all_the_same(folder):
    write_run(folder / "four")
    write_run(folder / "seven", labels=EMOTIONS)
    write_run(folder / "other", ids=[f"x{i}" for i in range(120)])
    at = open_page(run="four,seven")
    assert "compare runs with the same classes" in said(at)
    assert "pick runs with the same classes" in said(at)
    assert len(chart(at, "compare-scores")["data"][0]["y"]) == 2
    at = open_page(run="four,other")
    assert "share no utterance" in said(at)
    assert "share no clips" in said(at)


def test_a_run_in_training_is_left_out_of_a_comparison(folder):
    write_run(folder / "a")
    with RunWriter(folder / "now", settings(FOUR, (Modality.AUDIO,), np.arange(8) % 4)):
        at = open_page(run="a,now")
    assert "now is running" in said(at)
    assert "one more finished run" in said(at)


def test_many_runs_are_drawn_but_not_tested(folder):
    names = [f"r{i}" for i in range(7)]
    for i, name in enumerate(names):
        write_run(folder / name, seed=i, n=48)
    at = open_page(run=",".join(names))
    assert len(chart(at, "compare-scores")["data"][0]["y"]) == 7
    assert "tick at most 6" in said(at)


def test_a_click_reads_no_run_again(folder, monkeypatch):
    from mmer_core.runs.run import CVRun

    write_run(folder / "a")
    at = open_page(run="a")
    at.selectbox(key="fold-a").set_value("Fold 1")
    choose_cell(at, "anger", "anger")
    read = []
    monkeypatch.setattr(CVRun, "_read", lambda self, *args: read.append(args))
    monkeypatch.setattr(CVRun, "open", lambda path, **_: read.append(path))
    at.selectbox(key="fold-a").set_value("Fold 2")
    at.segmented_control(key="norm-a").set_value("predicted")
    run(at)
    choose_cell(at, "anger", "neutral")
    assert read == []


def test_a_run_that_was_written_anew_is_read_anew(folder):
    write_run(folder / "a")
    at = open_page(run="a")
    edit(folder / "a", created="2031-01-01T00:00:00Z")
    assert "2031-01-01" in said(run(at))


def test_every_control_has_help(folder):
    write_run(folder / "a", parts=("audio", "visual"))
    write_run(folder / "b")
    pages = [
        choose_cell(open_page(run="a"), "anger", "anger"),
        open_page(run="a,b"),
        open_tab(open_page(run="a"), "a", "Folds and training"),
    ]
    for at in pages:
        kinds = ("selectbox", "multiselect", "button_group", "text_input", "download_button", "metric")
        for widget in (w for kind in kinds for w in at.get(kind)):
            assert widget.proto.help or getattr(widget, "help", ""), widget.label
