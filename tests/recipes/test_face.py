"""The face recipe from FER2013 to the files of its step, on a few synthetic pictures, with tiny networks."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from recipe_runs import SHORT_FACE, TinyMobile, TinyResnet
from safetensors.torch import load_file

from mmer_core.encoders.backends.face_ensemble import load_network
from mmer_core.encoders.base import EncoderUnavailable
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import answering_under, halfway_to_equal
from recipes.face import train
from recipes.face.evaluation import flip_logits
from recipes.face.fer2013 import read_fer2013
from recipes.face.networks import latest, recipes, shipped
from recipes.face.train import train_face

pytestmark = pytest.mark.usefixtures("tiny_faces")


@pytest.fixture
def report(trained_face):
    return json.loads((trained_face / "face.json").read_text(encoding="utf-8"))


def test_the_report_says_how_to_build_it_and_what_it_is_made_of(trained_face, report):
    assert sum(report["prior"].values()) == pytest.approx(1)
    assert set(report["prior"]) == set(EMOTIONS)
    assert report["figures"]["public_test"]["n"] == 28
    assert report["dim"] == load_network(trained_face / "face.safetensors").dim == 3 * 4
    assert report["head"] == {"name": "frames", "options": {}}
    assert [d["n"] for d in report["data"]][1:] == [3_310_000, 3_000_000]


def test_the_table_of_logits_matches_weights_and_figures(trained_face, report, fer2013):
    table = pd.read_parquet(trained_face / "face_validation.parquet")
    assert list(table.columns) == ["id", "label", "group", *(f"logit_{name}" for name in EMOTIONS)]
    public = read_fer2013(fer2013 / "fer2013" / "public_test.npz")
    assert table["label"].tolist() == [EMOTIONS[i] for i in public.labels]
    logits = table[[f"logit_{name}" for name in EMOTIONS]].to_numpy()
    written = load_network(trained_face / "face.safetensors")
    assert logits == pytest.approx(flip_logits(written, public.images).numpy(), abs=1e-4)
    prior, answered = (
        np.array([report[key][name] for name in EMOTIONS]) for key in ("prior", "answer_prior")
    )
    assert answered == pytest.approx(halfway_to_equal(prior))
    predicted = answering_under(logits, report["temperature"], prior, answered).argmax(1)
    assert report["figures"]["public_test"]["accuracy"] == pytest.approx((predicted == public.labels).mean())


def test_the_head_of_the_product_is_that_of_the_ensemble(trained_face):
    tensors = load_file(trained_face / "face.safetensors")
    assert torch.equal(tensors["expert.linear.weight"], tensors["head.weight"])


def test_networks_learn_from_those_before_them(report):
    options = [network["options"] for network in report["networks"]]
    assert [network["distillation"] for network in options] == [0, 0, 0.5, 0, 0.5, 0.5, 0.5]
    assert len({network["seed"] for network in options}) == 7
    assert report["tried"][0]["recipe"] == "labels alone"
    assert report["tried"][-1]["recipe"] == "mean of those shipped"
    assert all(
        0 <= row[part] <= 1 and row[f"{part}_cross_entropy"] > 0
        for row in report["tried"]
        for part in ("held_out", "public_test")
    )
    assert all(len(n["history"]) == n["epochs"] == sum(n["options"]["cycles"]) for n in report["networks"])


def test_recipes_lean_only_on_those_before_them():
    chosen = recipes(0, SHORT_FACE)
    titles = [recipe.title for recipe in chosen]
    assert len(set(titles)) == len({recipe.checkpoint for recipe in chosen}) == len(chosen)
    for place, recipe in enumerate(chosen):
        assert recipe.teachers <= place
        assert bool(recipe.teachers) == bool(recipe.training.distillation)
        assert not recipe.continues or titles.index(recipe.continues) < place


def test_the_shipped_networks_have_the_four_networks_then_in_use_as_teachers():
    chosen = recipes(0, SHORT_FACE)
    kinds = [
        [teacher.training.network for teacher in latest(chosen[: recipe.teachers])]
        for recipe in shipped(chosen)
    ]
    assert kinds == [["residual", "mobile", "mobile", "resnet"]] * 3
    assert "again" in latest(chosen[:5])[-1].checkpoint, "later ones learn from dlib's second time"


def test_a_training_that_continues_another_replaces_it(trained_face, report):
    assert len(report["tried"]) == 8, "each training and the mean"
    networks = load_network(trained_face / "face.safetensors").networks()
    assert [type(network) for network in networks] == [TinyResnet, TinyMobile, TinyResnet]
    names = ("resnet_again", "distilled_again", "resnet_distilled")
    for network, name in zip(networks, names, strict=True):
        kept = load_file(trained_face / f"face_{name}_checkpoint.safetensors")["averaged/head.bias"]
        assert torch.equal(network.head.bias, kept)  # in single precision on disk


def test_the_recorded_command_names_every_option(report):
    assert report["command"].endswith(
        "--seed 3 --cycles 2 --mobile 1 --distilled 1 --resnet 1,1 --resnet-again 1 --distilled-again 1,1 "
        "--resnet-distilled 1"
    )


def test_a_finished_training_asks_no_teacher_and_no_published_weights(
    trained_face, report, fer2013, tmp_path, monkeypatch
):
    work = shutil.copytree(trained_face, tmp_path / "work")
    monkeypatch.delenv("MMER_MODELS")
    monkeypatch.setattr(train, "pretrained", lambda *_: pytest.fail("the training had ended"))
    monkeypatch.setattr(
        train.FaceEnsemble, "forward", lambda *_: pytest.fail("the training had ended"), raising=True
    )
    assert train_face(fer2013, work, seed=3, epochs=SHORT_FACE) == report


def test_weights_that_a_later_network_needs_are_missed_before_the_first_is_trained(
    published_files, fer2013, tmp_path, monkeypatch
):
    monkeypatch.setattr(train, "train_network", lambda *_, **__: pytest.fail("a network is trained in vain"))
    models = tmp_path / "models"
    models.mkdir()
    shutil.copyfile(published_files / "faceres.bin", models / "faceres.bin")
    monkeypatch.setenv("MMER_MODELS", str(models))
    with pytest.raises(EncoderUnavailable, match=r"face_recognition_model\.bin with sha256"):
        train_face(fer2013, tmp_path / "work", seed=3, epochs=SHORT_FACE)


def test_missing_data_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"public_test\.npz is missing: give the folder .* --data"):
        train_face(tmp_path, tmp_path / "work")
