"""A model on disk: what is saved is what is loaded, and what cannot be used says so in one sentence."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import files_of_at_most

from mmer_core import checkpoint, encoders, fusion
from mmer_core.checkpoint import CheckpointError
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.record import Calibration, computed
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import Modality
from mmer_core.training.multitask import MultiTask
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from tiny_model import DIM, THREE, TinyEncoder, make_clip, make_model, make_network


class FileEncoder(TinyEncoder):
    """A tiny encoder of text with a file of its own."""

    def __init__(self, *, delta: Path, scale: float = 1.0) -> None:
        super().__init__(Modality.TEXT)
        self.delta, self.scale = delta.read_bytes(), scale


def tiny_class(modality):
    """A class that takes no options, as registered encoders may."""
    return type("Tiny", (TinyEncoder,), {"__init__": lambda self: TinyEncoder.__init__(self, modality)})


@pytest.fixture(autouse=True)
def tiny_encoders(monkeypatch):
    """The tiny encoders can be created by name."""
    known = {f"tiny_{m}": tiny_class(m) for m in THREE} | {"tiny_file": FileEncoder}
    real = encoders.factory
    monkeypatch.setattr(encoders, "factory", lambda name: known.get(name) or real(name))


def saved(folder, name="early", **parts):
    make_model(name, **parts).save(folder)
    return folder


def change(folder, edit):
    """Edit the record of a folder, whose files stay as they are."""
    record = json.loads((folder / "model.json").read_text())
    edit(record)
    (folder / "model.json").write_text(json.dumps(record))


@pytest.mark.parametrize("name", fusion.names())
@pytest.mark.parametrize("labels", [("yes", "no"), tuple(f"class {i}" for i in range(8))], ids=len)
def test_every_network_answers_the_same_after_a_round_trip(name, labels, tmp_path):
    detector = MahalanobisDetector(
        np.zeros(DIM, np.float32), np.ones(DIM, np.float32), np.eye(DIM, dtype=np.float32), 2.0, 0.25
    )
    model = make_model(
        name,
        labels=labels,
        detectors={Modality.TEXT: detector},
        input_scaling={
            Modality.TEXT: InputScaling(np.full(DIM, 0.1, np.float32), np.full(DIM, 2.0, np.float32))
        },
        calibration={"unsure_below": 0.6, "coverage": 0.8},
    )
    model.save(tmp_path / "model")
    again = EmotionModel.load(tmp_path / "model", "cpu")
    before, after = model.predict(make_clip()), again.predict(make_clip())
    assert after.to_json() | {"timings": {}, "model": {}} == before.to_json() | {"timings": {}, "model": {}}
    assert (again.labels, again.modalities, again.unsure_below) == (labels, model.modalities, 0.6)
    again.save(tmp_path / "copy")
    assert EmotionModel.load(tmp_path / "copy", "cpu").identity == again.identity


def test_a_model_of_two_tasks_and_given_features_survives(tmp_path):
    plain = make_model("early", without_encoder=[Modality.VISUAL])
    record = {**plain.record, "sentiments": ["good", "bad"], "sentiment_weight": 0.5}
    model = EmotionModel(MultiTask(make_network("early", 9), 7, 0.5), plain.encoders, record)
    model.save(tmp_path)
    again = EmotionModel.load(tmp_path, "cpu")
    assert again.missing == model.missing
    assert again.predict(make_clip()).probabilities == model.predict(make_clip()).probabilities


def test_files_of_encoders_go_with_the_model(tmp_path):
    source = tmp_path / "adapters.safetensors"
    source.write_bytes(b"numbers")
    model = make_model("early")
    encoder = FileEncoder(delta=source)
    model.record["modalities"]["text"] = computed("tiny_file", {"delta": source, "scale": 2.0}, encoder.spec)
    model.save(tmp_path / "model")
    source.unlink()
    first = EmotionModel.load(tmp_path / "model", "cpu")
    first.save(tmp_path / "moved")
    again = EmotionModel.load(tmp_path / "moved", "cpu")
    assert (again.encoders[Modality.TEXT].delta, again.encoders[Modality.TEXT].scale) == (b"numbers", 2.0)
    assert again.record["modalities"]["text"]["options"] == {"delta": source.name, "scale": 2.0}


def test_a_run_answers_by_its_model(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    saved(tmp_path / "model")
    assert EmotionModel.load(str(tmp_path), "cpu").folder == tmp_path / "model"


def test_the_card_beside_the_model_names_what_the_record_says(tmp_path):
    model = make_model("early", without_encoder=[Modality.VISUAL], labels=("calm", "angry"))
    scores = {"n": 40, "accuracy": 0.625, "ua": 0.5}
    model.record["card"] = {
        "limits": ["It was trained on two people."],
        "figures": {"cross_validation": {"what": "5 folds by speaker", "subsets": {"text+audio": scores}}},
        "training": {"corpus": "folder:/clips"},
    }
    model.save(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for part in (
        "2 classes, calm, angry",
        "- It was trained on two people.",
        "scored on 5 folds by speaker",
        "| text+audio | 40 | 0.625 | 0.500 |",
        "action units of a corpus",
        '"corpus": "folder:/clips"',
        checkpoint.sha256_of(tmp_path / "fusion.safetensors"),
    ):
        assert part in card


def one_more_label(record):
    record["labels"].append("boredom")
    record["calibration"]["prior"] = {}


BROKEN = {
    "labels": (one_more_label, r"names 8 labels, but its fusion layer has 7 outputs"),
    "fusion network": (
        lambda r: r["fusion"].update(name="quantum"),
        r"unknown fusion network 'quantum'.*install the package that brings it",
    ),
    "option": (lambda r: r["fusion"]["options"].update(depth=3), r"no option depth"),
    "width": (lambda r: r["fusion"]["options"].update(hidden=[4]), r"does not fit the fusion network early"),
    "encoder": (
        lambda r: r["modalities"]["text"].update(encoder="quantum"),
        r"reads text with .*unknown encoder 'quantum'.*install the package that brings it",
    ),
    "encoder's option": (
        lambda r: r["modalities"]["text"].update(options={"depth": "3"}),
        r"reads text with an encoder that cannot be built here \(.*depth",
    ),
    "fingerprint": (
        lambda r: r["modalities"]["audio"].update(fingerprint="0" * 16),
        r"another version of the encoder tiny_audio",
    ),
    "modality of the encoder": (
        lambda r: r["modalities"]["audio"].update(encoder="tiny_text"),
        r"another version of the encoder tiny_text",
    ),
    "modality": (
        lambda r: r["modalities"].update(smell=r["modalities"].pop("text")),
        r"not a model's record",
    ),
    "missing part": (lambda r: r.pop("calibration"), r"not a model's record \(KeyError: 'calibration'\)"),
    "prior": (lambda r: r["calibration"]["prior"].update(boredom=0.0), r"contradicts itself"),
    "temperature": (
        lambda r: r["calibration"]["temperatures"].update(text=0.0),
        r"the temperature of text must be above 0",
    ),
    "same label twice": (lambda r: r.update(labels=["joy"] * 7), r"contradicts itself"),
    "older schema": (lambda r: r.update(schema=1), r"of an older version \(schema 1, this one reads 2\)"),
    "newer schema": (lambda r: r.update(schema=3), r"use the version that wrote it"),
    "a fold": (lambda r: r.update(schema=1, kind="fold"), r"one fold of a run of an older version"),
    "no weights": (lambda r: r.update(files={}), r"lacks fusion\.safetensors"),
}


@pytest.mark.parametrize(("edit", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_folder_that_cannot_be_used_says_why_in_one_sentence(edit, reason, tmp_path):
    change(saved(tmp_path), edit)
    with pytest.raises(CheckpointError, match=reason) as caught:
        EmotionModel.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_run_without_a_model_says_so(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(CheckpointError, match=r"has no model that reads clips, .*train it again"):
        EmotionModel.load(tmp_path)
    with pytest.raises(CheckpointError, match="no model in"):
        EmotionModel.load(tmp_path / "fold_0")


def test_an_unknown_device_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match="abacus"):
        EmotionModel.load(tmp_path / "nowhere", "abacus")


def test_weights_that_somebody_changed_are_refused(tmp_path):
    saved(tmp_path)
    checkpoint.save_tensors(tmp_path / "fusion.safetensors", {"log_prior": torch.zeros(7)})
    with pytest.raises(CheckpointError, match=r"fusion\.safetensors differs"):
        EmotionModel.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is killed begins as a fork")
@pytest.mark.parametrize("moment", ["save_tensors", "write_record"])
@pytest.mark.parametrize("before", [False, True], ids=["new", "over another"])
def test_a_kill_while_it_is_saved_leaves_no_model_that_answers_wrongly(moment, before, tmp_path, monkeypatch):
    """Before a file is written or after it: there is no model, the one of before, or one that is refused."""
    older, folder = make_model("late_mean"), tmp_path / "m"
    if before:
        older.save(folder)
    real = getattr(checkpoint, moment)
    for done in (False, True):

        def killed(*given, done=done):
            if done:
                real(*given)
            os.kill(os.getpid(), signal.SIGKILL)

        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, moment, killed)
            process = multiprocessing.get_context("fork").Process(
                target=make_model("early").save, args=(folder,)
            )
            process.start()
            process.join()
        assert process.exitcode == -signal.SIGKILL
        assert network_in(folder) in ("", "early" if moment == "write_record" and done else "late_mean")
    make_model("early").save(folder)
    assert network_in(folder) == "early"


def network_in(folder):
    """The network of the model in a folder; "" where it is refused."""
    try:
        return EmotionModel.load(folder, "cpu").record["fusion"]["name"]
    except CheckpointError:
        return ""


def test_a_model_where_nothing_can_be_written_answers(tmp_path):
    """As in an image whose files are read-only: reading a model writes nothing, beside it or elsewhere."""
    clip, model = make_clip(), make_model()
    model.save(tmp_path)
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    with files_of_at_most(0):
        answer = EmotionModel.load(tmp_path, "cpu").predict(clip)
    assert answer.probabilities == pytest.approx(model.predict(clip).probabilities)
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_full_disk_while_it_is_saved_is_no_model(tmp_path):
    with files_of_at_most(100), pytest.raises(OSError, match=r"fusion\.safetensors|too large|No space"):
        make_model().save(tmp_path / "m")
    with pytest.raises(CheckpointError):
        EmotionModel.load(tmp_path / "m", "cpu")


def test_a_stray_file_of_detectors_is_not_read(tmp_path):
    saved(tmp_path)
    (tmp_path / "out_of_distribution.safetensors").write_bytes(b"anything")
    assert EmotionModel.load(tmp_path, "cpu").detectors == {}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"temperatures": {"text": float("nan")}}, "above 0"), ({"prior": {"joy": 0.5}}, "sum to 1")],
)
def test_a_calibration_that_makes_no_sense_is_refused(fields, reason):
    with pytest.raises(ValueError, match=reason):
        Calibration(**fields)
    sound = Calibration({"text": 1.5}, {"joy": 0.25, "anger": 0.75}, 0.4, 0.8)
    assert Calibration.from_json(json.loads(json.dumps(sound.to_json()))) == sound
