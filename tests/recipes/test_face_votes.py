"""The second training of the face networks, by votes, and the photographs they are measured on."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, load_network, save_network
from mmer_core.encoders.backends.face_mobile import FaceMobileNet
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import halfway_to_equal
from recipes import left_out
from recipes.face import photographs, votes
from recipes.face.augmentation import augment
from recipes.face.evaluation import flip_logits
from recipes.face.ferplus import read_voted
from recipes.face.photographs import read_photographs, strangers_figures
from recipes.face.training import FaceBatches, FaceTraining, train_network
from recipes.face.votes import Epochs, train_face_votes
from recipes.face.votes_report import agreement

SHORT = Epochs(resnet=1, mobile=1)
CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def write_photographs(folder):
    """Four pictures as small as a face, which are taken as one, and a large one without any."""
    (folder / "img").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for i, label in enumerate(["happy", "neutral", "surprise", "joy"]):
        cv2.imwrite(str(folder / f"img/{i}.png"), random.integers(0, 256, (48, 48, 3), dtype=np.uint8))
        rows.append((f"img/{i}.png", label, f"person {i // 2}"))
    cv2.imwrite(str(folder / "img/wall.png"), np.full((160, 160, 3), 90, dtype=np.uint8))
    rows.append(("img/wall.png", "joy", "nobody"))
    pd.DataFrame(rows, columns=["path", "label7", "speaker"]).to_csv(folder / "labels.csv", index=False)


@pytest.fixture(scope="session")
def voted(once, fer2013):
    """A data folder with FER2013, its votes, and photographs."""

    def make(data):
        shutil.copytree(fer2013 / "fer2013", data / "fer2013")
        (data / "faces/ferplus").mkdir(parents=True)
        for name, n in (("train", 84), ("public_test", 28)):
            soft = 0.7 * np.eye(7)[np.arange(n) % 7]
            soft[:, -1] += 0.3  # some see nothing in any picture
            soft[0] = 0
            np.savez(
                data / f"faces/ferplus/{name}_ferplus.npz",
                soft7=soft.astype(np.float16),
                matched=np.ones(n, dtype=bool),
                classes=np.array(CLASSES),
            )
        np.save(data / "faces/ferplus/leave_out_of_training.npy", np.arange(84) == 1)
        write_photographs(data / "faces/photographs")

    return once("voted", make)


@pytest.fixture(scope="session")
def work(once, voted, trained_face, published_files):
    """A work folder after the recipe, which goes on from the networks of the step before."""
    from recipe_runs import use_tiny_faces

    def make(folder):
        shutil.copytree(trained_face, folder, dirs_exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            use_tiny_faces(published_files, patch)
            train_face_votes(voted, folder, seed=3, epochs=SHORT)

    return once("face-votes", make)


@pytest.fixture
def report(work):
    return json.loads((work / "face.json").read_text(encoding="utf-8"))


def test_the_report_has_what_the_first_one_has_and_what_the_votes_changed(work, report, voted, trained_face):
    first = json.loads((trained_face / "face.json").read_text(encoding="utf-8"))
    assert set(report) == set(first) | {"votes"}
    assert sum(report["prior"].values()) == pytest.approx(1)
    pictures = votes.read_voted(voted, seed=3)[0]
    answered = np.array(list(report["answer_prior"].values()))
    assert answered == pytest.approx(halfway_to_equal(pictures.shares.mean(0)))
    assert report["figures"]["public_test"]["n"] == 28
    assert report["figures"]["agreement with the votes"]["n"] == 27, "nobody voted on one of them"
    assert report["figures"]["photographs"]["n"] == 4
    assert sum(report["figures"]["photographs"]["said"].values()) == pytest.approx(1)
    assert report["votes"]["photographs without a face"] == ["img/wall.png"]
    assert len(report["tried"]) == len(first["tried"]) + 2
    assert len(report["networks"]) == len(first["networks"]) + 3
    assert report["data"][1]["n"] == len(pictures)
    assert (work / "face_labels.json").read_bytes() == (trained_face / "face.json").read_bytes()


@pytest.mark.usefixtures("tiny_faces")
def test_the_tables_hold_the_logits_of_both_ensembles(work, report, voted):
    names = [f"logit_{name}" for name in EMOTIONS]
    found = read_photographs(voted / "faces/photographs")
    for table, network in (("face_strangers", "face"), ("face_strangers_before", "face_labels")):
        rows = pd.read_parquet(work / f"{table}.parquet")
        assert list(rows.columns) == ["id", "corpus", "label", "group", *names]
        assert rows["label"].tolist() == ["joy", "neutral", "surprise", "joy"]
        assert rows["group"].tolist() == ["person 0", "person 0", "person 1", "person 1"]
        assert rows["id"][0] == "photographs/img/0.png"
        expected = flip_logits(load_network(work / f"{network}.safetensors"), found.images).numpy()
        assert rows[names].to_numpy() == pytest.approx(expected, abs=1e-4)
    (votes_one_by_one,) = left_out.read(work / "face_validation.parquet").values()
    public = read_voted(voted, 3)[2]
    assert len(votes_one_by_one) == round(10 * public.shares.sum())
    counts = np.bincount(votes_one_by_one.labels, minlength=len(EMOTIONS))
    assert counts == pytest.approx(10 * public.shares.sum(0), abs=0.5)
    assert set(votes_one_by_one.groups) == set(public.faces.digests)


@pytest.mark.usefixtures("tiny_faces")
def test_a_second_run_starts_from_the_first_networks_and_trains_nothing(
    work, voted, report, tmp_path, monkeypatch
):
    again = shutil.copytree(work, tmp_path / "work")
    monkeypatch.setattr(votes, "_trainable", lambda _: pytest.fail("the training had ended"))
    assert train_face_votes(voted, again, seed=3, epochs=SHORT) == report


@pytest.mark.usefixtures("tiny_faces")
def test_a_run_that_was_stopped_before_its_report_keeps_the_first_networks(work, voted, report, tmp_path):
    again = shutil.copytree(work, tmp_path / "work")
    shutil.copyfile(again / "face_labels.json", again / "face.json")
    assert train_face_votes(voted, again, seed=3, epochs=SHORT) == report
    first, kept = (folder / "face_labels.safetensors" for folder in (work, again))
    assert first.read_bytes() == kept.read_bytes()


@pytest.mark.usefixtures("tiny_faces")
def test_other_first_networks_are_trained_anew(work, voted, trained_face, tmp_path, monkeypatch):
    again = shutil.copytree(work, tmp_path / "work")
    other = json.loads((trained_face / "face.json").read_text(encoding="utf-8")) | {"seed": 4}
    (again / "face.json").write_text(json.dumps(other), encoding="utf-8")
    shutil.copyfile(trained_face / "face.safetensors", again / "face.safetensors")
    monkeypatch.setattr(votes, "train_members", lambda *_: pytest.fail("reached"))
    with pytest.raises(pytest.fail.Exception, match="reached"):
        train_face_votes(voted, again, seed=3, epochs=SHORT)
    assert not list(again.glob("face_votes_*"))
    assert json.loads((again / "face_labels.json").read_text(encoding="utf-8"))["seed"] == 4


@pytest.mark.usefixtures("tiny_faces")
def test_each_network_goes_on_from_its_own_weights(work, voted, trained_face, tmp_path, monkeypatch):
    started = []

    def train(config, pictures, held_out, checkpoint, *, start, **_):
        started.append((config.network, start()["head.bias"]))
        raise KeyboardInterrupt

    monkeypatch.setattr(votes, "train_network", train)
    with pytest.raises(KeyboardInterrupt):
        train_face_votes(voted, shutil.copytree(trained_face, tmp_path / "work"), seed=3, epochs=SHORT)
    member = load_network(trained_face / "face.safetensors").networks()[0]
    assert started[0][0] == "resnet"
    assert torch.equal(started[0][1], member.head.bias)


def test_the_step_before_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"face\.json is missing: run python -m recipes --only face first"):
        train_face_votes(tmp_path, tmp_path)


def test_weights_from_a_file_train_on_at_their_old_size(tmp_path):
    torch.manual_seed(0)
    network = FaceMobileNet().eval()
    for layer in network.convolutions():
        layer.norm.running_var.uniform_(0.5, 2)
    save_network(FaceEnsemble([network]), tmp_path / "face.safetensors")
    (member,) = load_network(tmp_path / "face.safetensors").networks()
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    before = flip_logits(member, images)
    largest = member.convolutions()[5].conv.weight.abs().max()
    state = votes._trainable(member)
    assert torch.equal(flip_logits(member, images), before), "the given network stays as it is"
    member.load_state_dict(state)
    assert torch.allclose(flip_logits(member, images), before, atol=1e-4)
    assert all(torch.allclose(layer.norm.running_var, torch.ones(1)) for layer in member.convolutions())
    assert largest == 1


def test_photographs_are_found_once(voted, tmp_path, monkeypatch):
    kept = tmp_path / "faces.npz"
    first = read_photographs(voted / "faces/photographs", kept)
    assert first.images.shape == (4, 48, 48)
    assert first.without_face.tolist() == ["img/wall.png"]
    monkeypatch.setattr(photographs, "load_clip", lambda _: pytest.fail("they had been found"))
    again = read_photographs(voted / "faces/photographs", kept)
    assert all((value == vars(first)[name]).all() for name, value in vars(again).items())
    other = shutil.copytree(voted / "faces/photographs", tmp_path / "other")
    (other / "labels.csv").write_text("path,label7,speaker\n")
    assert len(read_photographs(other, kept)) == 0, "of another table they are not these"


def test_missing_photographs_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds faces/photographs with --data"):
        read_photographs(tmp_path / "faces/photographs")


def test_figures_of_strangers_in_a_known_case():
    answers = np.log(np.array([[0.8, 0.2], [0.6, 0.4]]) @ np.eye(2, 7) + 1e-12)
    found = strangers_figures(answers, np.array([0, 1]))
    assert found["accuracy"] == 0.5
    assert found["cross_entropy"] == pytest.approx(-np.log([0.8, 0.4]).mean())
    assert found["said"]["neutral"] == 1
    assert found["highest_probability"] == pytest.approx(0.7)
    assert found["ece"] == pytest.approx(0.4)  # 0.2 too little once, 0.6 too much once


def test_where_votes_tie_either_answer_agrees():
    shares = np.array([[0.5, 0.5], [0.5, 0.5], [0.3, 0.7]]) @ np.eye(2, 7)
    found = agreement(np.eye(7)[[0, 1, 0]], shares)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["recall"] == {"neutral": 1, "anger": 0.5}


@pytest.mark.usefixtures("tiny_faces")
def test_held_out_pictures_are_measured_against_the_votes(voted, tmp_path):
    pictures = votes.read_voted(voted, 0)[0]
    equal = torch.full((len(pictures), 7), 1 / 7)
    losses = [
        train_network(
            FaceTraining(cycles=(1,), batch=16), pictures.faces, pictures.faces, tmp_path / name, truth=truth
        )[1].history[0]["held_out_loss"]
        for name, truth in (("votes", equal), ("labels", None))
    ]
    assert losses[0] != losses[1]
    assert losses[0] >= np.log(7) - 1e-6, "no answer is better than the equal one"


def test_light_from_a_side_falls_where_the_settings_ask_for_it(voted):
    pictures = votes.read_voted(voted, 0)[0]
    plain, lit = (
        next(FaceBatches(pictures.faces, FaceTraining(batch=64, side_light=share)).epoch(0)).x
        for share in (0.0, 1.0)
    )
    assert plain.shape == lit.shape
    assert not torch.equal(plain, lit)


def test_light_from_a_side_makes_grey_pictures_uneven():
    x = torch.full((400, 1, 48, 48), 0.5)
    seen = augment(x, 48, 1e-6, torch.Generator().manual_seed(0), side_light=1e6)
    corners = seen[:, 0, ::47, ::47].reshape(400, 4)
    assert (corners.std(1) > 0.01).all()
    assert corners.mean(1).numpy() == pytest.approx(0.5, abs=0.05)
    assert seen.min() >= 0
    assert seen.max() <= 1
