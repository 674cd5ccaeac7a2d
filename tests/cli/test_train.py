"""`train`, `compare` and `cross_validate` on a manifest that brings its own features."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmer_core.cli.main import main
from mmer_core.crossval.cross_validation import cross_validate
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.runs.run import CVRun, list_runs
from mmer_core.training.request import TrainRequest

ABSENT = "mps" if torch.cuda.is_available() else "cuda"  # an accelerator that this machine lacks

LABELS = ("neutral", "anger", "joy")
DIMS = {"audio": 5, "visual": 4}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """54 utterances of 6 speakers, two modalities, one file missing and one damaged."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    centres = {m: rng.normal(size=(3, d)) * 1.5 for m, d in DIMS.items()}
    rows = []
    for i in range(54):
        row = {
            "id": f"u{i:02d}",
            "path": "",
            "text": f"these are the words number {i} of {rng.integers(10**9)}",
            "label": LABELS[i % 3],
        }
        row |= {
            "speaker": f"s{i // 9}",
            "dialogue": f"d{i // 9}",
            "split": "train" if i < 36 else "dev" if i < 45 else "test",
        }
        row["sentiment"] = "negative" if i % 3 == 1 else "positive"
        for m, d in DIMS.items():
            frames = centres[m][i % 3] + rng.normal(size=(1 + i % 4, d))
            np.save(root / f"{m}{i}.npy", frames.astype(np.float32))
            row[f"{m}_features"] = f"{m}{i}.npy"
        rows.append(row)
    (root / "audio7.npy").unlink()
    (root / "visual8.npy").write_bytes(b"not an array")
    with (root / "m.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root / "m.csv"


def train(manifest, out, *more):
    return main(
        ["train", "--manifest", str(manifest), "--out", str(out), "--folds", "3", "--epochs", "3", *more]
    )


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    """Three runs: two unimodal ones and early fusion."""
    out = tmp_path_factory.mktemp("runs")
    assert (
        train(manifest, out, "--fusion", "unimodal,early", "--name", "mine", "--learning-rate", "5e-3") == 0
    )
    return out


def test_one_command_trains_several_runs(trained):
    runs = {entry.path.name: entry.record for entry in list_runs(trained)}
    assert set(runs) == {"mine-unimodal-audio", "mine-unimodal-visual", "mine-early"}
    assert all(record["status"] == "finished" for record in runs.values())
    record = runs["mine-early"]
    assert record["training"]["learning_rate"] == 5e-3
    assert record["fusion"]["name"] == "early"
    assert record["fusion"]["options"]["hidden"] == [256, 128]
    assert record["training"]["epochs"] == 3
    assert record["leakage"]["verdict"] == "clean"
    assert not record["leaks"]
    assert record["corpus"]["n"] == 54
    assert record["corpus"]["classes"] == dict.fromkeys(record["labels"], 18)
    assert {p[0] for p in record["corpus"]["problems"]} == {"u07", "u08"}
    assert "validation part" in record["selection"]
    assert {"torch", "numpy", "mmer", "python"} <= set(record["versions"])


def test_the_recorded_command_and_request_give_the_same_figures(trained, manifest, tmp_path):
    import shlex

    record = CVRun.open(trained / "mine-unimodal-audio").record
    command = shlex.split(record["command"])
    assert command[:4] == ["python", "-m", "mmer_core", "train"]
    assert main([*command[3:], "--out", str(tmp_path), "--name", "mine"]) == 0
    assert CVRun.open(tmp_path / "mine-unimodal-audio").metrics == record["metrics"]
    again = TrainRequest.from_json({**record["request"], "out": str(tmp_path), "name": "again"})
    assert {run.name: run.metrics for run in cross_validate(again, say=lambda line: None)} == {
        name.replace("mine", "again"): CVRun.open(trained / name).metrics
        for name in ("mine-unimodal-audio", "mine-unimodal-visual", "mine-early")
    }


def test_a_request_file_trains_what_its_json_says(trained, manifest, tmp_path, capsys):
    request = CVRun.open(trained / "mine-early").record["request"]
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**request, "fusion": ["early"], "out": str(tmp_path), "name": "from-file"}))
    assert main(["train", "--request", str(file)]) == 0
    run = CVRun.open(tmp_path / "from-file")
    assert run.metrics == CVRun.open(trained / "mine-early").metrics
    file.write_text(json.dumps({**request, "fussion": []}))
    assert main(["train", "--request", str(file)]) == 1
    assert "the training request has no field 'fussion'" in capsys.readouterr().err


def test_a_run_ends_with_a_model_and_its_figures(trained):
    run = CVRun.open(trained / "mine-early")
    model = EmotionModel.load(run.path)
    assert model.labels == run.labels
    assert model.record["card"]["training"] == run.record["request"]
    scored = model.record["card"]["figures"]["cross_validation"]["subsets"]
    assert {name: row["accuracy"] for name, row in scored.items()} == {
        name: row["accuracy"][0] for name, row in run.metrics.items()
    }
    assert set(model.missing) == {"audio", "visual"}  # features that came with the corpus


def test_a_finished_run_is_shown_and_not_trained_again(trained, manifest, capsys):
    flags = ["--fusion", "unimodal,early", "--name", "mine"]
    assert train(manifest, trained, *flags, "--learning-rate", "5e-3") == 0
    text = capsys.readouterr().out
    assert "fold 1 of 3" not in text
    assert "audio+visual" in text
    assert "linear baseline" in text
    assert train(manifest, trained, *flags, "--learning-rate", "1e-3") == 1
    assert "holds a run with other settings: choose another --name" in capsys.readouterr().err


def test_compare_prints_every_pair_and_json(trained, capsys):
    paths = [str(path) for path in sorted(trained.iterdir())]
    assert main(["compare", *paths]) == 0
    text = capsys.readouterr().out
    assert text.count("against") == 3
    assert main(["compare", *paths, "--metric", "ua", "--json"]) == 0
    pairs = json.loads(capsys.readouterr().out)
    assert [pair["n"] for pair in pairs] == [54] * 3
    assert {pair["metric"] for pair in pairs} == {"ua"}


def test_random_folds_are_marked_as_leaking(manifest, tmp_path, capsys):
    assert train(manifest, tmp_path, "--folds-kind", "random", "--name", "leaky") == 0
    record = CVRun.open(tmp_path / "leaky").record
    assert record["leaks"]
    assert record["leakage"]["verdict"] != "clean"
    assert any("random" in note for note in record["notes"])


def test_folds_from_a_file_and_the_official_split(manifest, tmp_path):
    folds = tmp_path / "folds.csv"
    folds.write_text("id,fold\n" + "".join(f"u{i:02d},{i // 18}\n" for i in range(54)))
    command = ["train", "--manifest", str(manifest), "--out", str(tmp_path), "--epochs", "1"]
    assert main([*command, "--folds", str(folds), "--name", "given"]) == 0
    assert main([*command, "--folds-kind", "official", "--name", "official"]) == 0
    given, official = CVRun.open(tmp_path / "given"), CVRun.open(tmp_path / "official")
    assert set(given.predictions().query("fold == 1")["id"]) == {f"u{i:02d}" for i in range(18, 36)}
    assert set(official.predictions()["id"]) == {f"u{i:02d}" for i in range(45, 54)}
    assert set(official.folds.query("role == 'validation'")["id"]) == {f"u{i:02d}" for i in range(36, 45)}


def test_options_search_sentiment_and_normalisation(manifest, tmp_path):
    more = [
        "--fusion",
        "early",
        "--option",
        "hidden=16",
        "--search",
        "learning_rate=1e-4,5e-3",
        "--search",
        "dropout=0,0.2",
        "--trials",
        "2",
    ]
    more += [
        "--sentiment-weight",
        "0.3",
        "--speaker-normalise",
        "--encoders",
        "audio=given",
        "--name",
        "searched",
    ]
    assert train(manifest, tmp_path, *more) == 0
    record = CVRun.open(tmp_path / "searched").record
    assert record["modalities"] == ["audio"]
    assert record["search"] == {"grid": {"learning_rate": [1e-4, 5e-3], "dropout": [0.0, 0.2]}, "trials": 2}
    assert all(chosen["fusion"]["options"]["hidden"] == [16] for chosen in record["chosen"])
    assert any("unlabelled data of test speakers" in note for note in record["notes"])
    model = EmotionModel.load(tmp_path / "searched")
    assert set(model.input_scaling) == {"audio"}
    assert model.record["sentiments"] == ["negative", "positive"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fusion", "earliest"], "unknown fusion network 'earliest': choose one of"),
        (["--option", "depth=3"], "none of early has an option 'depth'"),
        (["--search", "depth=3"], "none of early has an option 'depth'"),
        (["--encoders", "smell=given"], "unknown modality 'smell'"),
        (["--encoders", "text=given"], "brings no text features"),
        (["--encoders", "text=minilm", "--store", "nowhere"], "nowhere is no feature store"),
        (["--encoders", "text"], "--encoders 'text' names no encoder"),
        (["--views", "1"], "--views needs an encoder of sound or pictures"),
        (["--groups", "session"], "the session is unknown"),
        (["--folds", "9"], "9 folds need as many speakers and there are 6: use --folds 6"),
        (["--folds", "nowhere.csv"], "nowhere.csv"),
        (["--corpus-option", "classes=4"], "classes"),
        (["--learning-rate", "0"], "learning_rate must be above 0"),
        (["--device", ABSENT], ABSENT),
        (["--damaged", "refuse", "--manifest", "missing.csv"], "missing.csv"),
    ],
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(manifest, tmp_path, capsys, flags, message):
    assert main(["train", "--manifest", str(manifest), "--out", str(tmp_path / "runs"), *flags]) == 1
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert list_runs(tmp_path / "runs") == []


def test_without_a_corpus_it_says_so(capsys):
    assert main(["train"]) == 1
    assert "--manifest" in capsys.readouterr().err


def test_options_are_explained(capsys):
    assert main(["train", "--list-options", "--fusion", "early,late_mean"]) == 0
    text = capsys.readouterr().out
    assert "pooling=mean  how a sequence becomes a vector." in text
    assert "late_mean" in text


@pytest.mark.parametrize("command", ["train", "compare"])
def test_help_loads_no_heavy_library(command):
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mmer_core", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert not loaded & {"torch", "sklearn", "pandas", "scipy"}
    assert "--help" in run.stdout
