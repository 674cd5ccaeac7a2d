"""Training of the face network on FER2013, here on a few synthetic pictures in FER2013's format."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mmer_core.calibration import answering_under, halfway_to_equal
from mmer_core.default_model.face import figures, fit_temperature, flip_logits, train_face
from mmer_core.default_model.face_recipes import Epochs, latest, recipes, shipped
from mmer_core.default_model.face_trainer import FaceTrainer, FaceTraining
from mmer_core.default_model.fer2013 import LabelledFaces, augment, clean, hold_out, read_fer2013
from mmer_core.default_model.framing import measure_framing
from mmer_core.encoders.face_ensemble import load_network
from mmer_core.encoders.face_network import as_input
from mmer_core.encoders.spec import EncoderUnavailable
from mmer_core.encoders.visual import FaceCnnEncoder
from mmer_core.faces import TEMPLATE, Detection
from mmer_core.labels import EMOTIONS

SHORT = Epochs(cycles=(2,), mobile=1, taught=1, resnet=(1, 1), resnet_again=(1,), taught_again=(1, 1), resnet_taught=1)


@pytest.fixture(scope="module")
def data(fer2013):
    return fer2013


@pytest.fixture(scope="module")
def trained(data, published, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    return work, train_face(data, work, seed=3, epochs=SHORT)


def labelled(images, labels):
    return LabelledFaces(images, np.array(labels), np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images]))


def test_labels_are_in_our_order(data):
    faces = read_fer2013(data / "fer2013" / "train.npz")
    assert [EMOTIONS[i] for i in faces.labels[:7]] == ["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]
    assert faces.images.shape == (84, 48, 48)


def test_missing_data_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"public_test\.npz is missing: give the folder .* with --data"):
        train_face(tmp_path, tmp_path / "work")


def test_blank_repeated_and_tested_pictures_are_left_out():
    noise = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    images = np.stack([noise[0], noise[0], noise[0], noise[1], noise[2], np.zeros_like(noise[0])])
    kept = clean(labelled(images, [1, 1, 2, 3, 4, 5]), exclude=labelled(noise[2:3], [4]))
    assert sorted(kept.labels.tolist()) == [1, 2, 3]  # the first picture stays once under each of its labels


def test_the_held_out_part_is_stratified_and_shares_no_picture():
    noise = np.random.default_rng(0).integers(0, 256, (200, 48, 48), dtype=np.uint8)
    images, labels = np.concatenate([noise, noise[:50]]), np.concatenate([np.arange(200) % 7, np.arange(50) % 7])
    faces = labelled(images, labels)
    training, held = hold_out(faces, 0.2, seed=1)
    assert len(training) + len(held) == 250
    assert not set(training.digests) & set(held.digests)
    assert np.bincount(held.labels, minlength=7).min() >= 4
    assert (hold_out(faces, 0.2, seed=1)[1].digests == held.digests).all()
    assert set(hold_out(faces, 0.2, seed=2)[1].digests) != set(held.digests)


@pytest.mark.parametrize("side", [40, 48])
def test_augmented_pictures_stay_pictures(side):
    x = torch.rand(64, 1, 48, 48)
    given = x.clone()
    seen = augment(x, side, 1.0, torch.Generator().manual_seed(0))
    assert seen.shape == (64, 1, side, side)
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert torch.equal(x, given)
    assert torch.equal(seen, augment(x, side, 1.0, torch.Generator().manual_seed(0)))
    assert not torch.equal(seen, augment(x, side, 1.0, torch.Generator().manual_seed(1)))


def test_without_strength_pictures_are_only_mirrored():
    x = torch.rand(32, 1, 48, 48)
    seen = augment(x, 48, 0.0, torch.Generator().manual_seed(0))
    as_is = torch.isclose(seen, x, atol=1e-4).all(dim=(1, 2, 3))
    mirrored = torch.isclose(seen, x.flip(3), atol=1e-4).all(dim=(1, 2, 3))
    assert (as_is ^ mirrored).all()
    assert 0 < as_is.sum() < 32


def test_training_writes_what_the_bundle_needs(trained):
    work, result = trained
    assert json.loads((work / "face.json").read_text(encoding="utf-8")) == result
    assert {"encoder", "encoder_options", "expert", "expert_options", "data", "prior", "figures", "seed", "command"} <= set(result)
    assert sum(result["prior"].values()) == pytest.approx(1)
    assert set(result["prior"]) == set(EMOTIONS)
    assert result["figures"]["public_test"]["n"] == 28
    assert (work / "face.safetensors").stat().st_size < 30_000_000
    assert FaceCnnEncoder(work / "face.safetensors").spec.dim == result["expert_options"]["dim"]


def test_the_table_of_logits_matches_weights_and_figures(trained, data):
    work, result = trained
    table = pd.read_parquet(work / "face_validation.parquet")
    assert list(table.columns) == ["id", "label", "group", *(f"logit_{name}" for name in EMOTIONS)]
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    assert table["label"].tolist() == [EMOTIONS[i] for i in public.labels]
    logits = table[[f"logit_{name}" for name in EMOTIONS]].to_numpy()
    assert logits == pytest.approx(flip_logits(load_network(work / "face.safetensors"), public.images).numpy(), abs=1e-4)
    prior, answered = (np.array([result[key][name] for name in EMOTIONS]) for key in ("prior", "answer_prior"))
    assert answered == pytest.approx(halfway_to_equal(prior))
    accuracy = (answering_under(logits, result["temperature"], prior, answered).argmax(1) == public.labels).mean()
    assert result["figures"]["public_test"]["accuracy"] == pytest.approx(accuracy)


def trainer(data, checkpoint, cycles=(2,)):
    faces = read_fer2013(data / "fer2013" / "train.npz").take(np.arange(32))
    return FaceTrainer(FaceTraining(cycles=cycles, batch=16), faces, checkpoint)


def run_epoch(state):
    state.history.append({"loss": state.train_epoch()})


@pytest.mark.parametrize("cycles", [(2,), (1, 1), (1, 2)])
def test_a_stopped_training_ends_as_an_uninterrupted_one(data, tmp_path, cycles):
    whole = trainer(data, tmp_path / "a.safetensors", cycles)
    run_epoch(whole)
    whole.save()
    resumed = trainer(data, tmp_path / "a.safetensors", cycles)
    assert resumed.resume()
    for state in (whole, resumed):
        run_epoch(state)
    assert whole.history == resumed.history
    for name, tensor in whole.averaged.state_dict().items():
        assert torch.equal(tensor, resumed.averaged.state_dict()[name]), name


def test_a_later_cycle_starts_from_the_averaged_weights(data, tmp_path):
    state = trainer(data, tmp_path / "a.safetensors", cycles=(1, 1))
    run_epoch(state)
    averaged = {k: v.clone() for k, v in state.averaged.state_dict().items()}
    state._restart()
    assert all(torch.equal(tensor, averaged[name]) for name, tensor in state.network.state_dict().items())
    assert not state.optimizer.state


def test_the_learning_rate_rises_and_falls_in_every_cycle():
    config = FaceTraining(cycles=(10, 20))
    rates = [config.rate(e / 4) for e in range(4 * config.epochs)]
    assert max(rates[:40]) == pytest.approx(config.learning_rate, rel=0.01)
    assert max(rates[40:]) == pytest.approx(config.later_rate * config.learning_rate, rel=0.01)
    assert min(rates[36:40]) < 0.02 * config.learning_rate
    assert rates[-1] < 0.02 * config.learning_rate
    with pytest.raises(ValueError, match="30 epochs"):
        config.place(30)


def test_networks_are_taught_by_those_before_them(trained):
    _, result = trained
    options = [network["options"] for network in result["networks"]]
    assert [network["taught"] for network in options] == [0, 0, 0.5, 0, 0.5, 0.5, 0.5]
    assert [network["network"] for network in options] == ["residual", "mobile", "mobile", "resnet", "resnet", "mobile", "resnet"]
    assert len({network["seed"] for network in options}) == 7
    assert result["tried"][0]["recipe"] == "labels alone"
    assert result["tried"][-1]["recipe"] == "mean of those shipped"
    assert all(0 <= row[part] <= 1 and row[f"{part}_cross_entropy"] > 0 for row in result["tried"] for part in ("held_out", "public_test"))


def test_recipes_lean_only_on_those_before_them():
    chosen = recipes(0, SHORT)
    titles = [recipe.title for recipe in chosen]
    assert len(set(titles)) == len({recipe.checkpoint for recipe in chosen}) == len(chosen)
    for place, recipe in enumerate(chosen):
        assert recipe.taught_by <= place
        assert bool(recipe.taught_by) == bool(recipe.training.taught)
        assert not recipe.goes_on or titles.index(recipe.goes_on) < place


def test_the_shipped_networks_have_the_four_networks_then_in_use_as_teachers():
    chosen = recipes(0, SHORT)
    kinds = [[teacher.training.network for teacher in latest(chosen[: recipe.taught_by])] for recipe in shipped(chosen)]
    assert kinds == [["residual", "mobile", "mobile", "resnet"]] * 3
    assert "again" in latest(chosen[:5])[-1].checkpoint  # the later ones learn from dlib's second time, not from its first


def test_a_training_that_goes_on_takes_the_place_of_the_one_before(trained):
    work, result = trained
    rows = [row["recipe"] for row in result["tried"]]
    assert len(rows) == 8  # each training and the mean
    networks = load_network(work / "face.safetensors").networks()
    for network, name in zip(networks, ("resnet_again", "taught_again", "resnet_taught"), strict=True):  # what learned from labels alone only teaches
        kept = load_file(work / f"face_{name}_checkpoint.safetensors")["averaged/head.bias"]
        assert torch.equal(network.head.bias, kept)  # in single precision on disk
    firsts = [load_file(work / f"face_{name}_checkpoint.safetensors")["averaged/head.bias"] for name in ("resnet", "taught")]
    assert not any(torch.equal(network.head.bias, first) for network, first in zip(networks[:2], firsts, strict=True))


def test_the_recorded_command_names_every_option(trained):
    _, result = trained
    assert result["command"].endswith("--seed 3 --cycles 2 --mobile 1 --taught 1 --resnet 1,1 --resnet-again 1 --taught-again 1,1 --resnet-taught 1")


def test_it_goes_on_with_the_head_as_well(data, tmp_path):
    one, other = trainer(data, tmp_path / "a.safetensors"), trainer(data, tmp_path / "b.safetensors")
    run_epoch(one)
    other.go_on_from(one.averaged)
    for network in (other.network, other.averaged):
        assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in one.averaged.state_dict().items())


def test_a_teacher_takes_its_share_of_the_targets(data, tmp_path):
    faces = read_fer2013(data / "fer2013" / "train.npz").take(np.arange(8))
    answers = torch.full((8, 7), 1 / 7)
    state = FaceTrainer(FaceTraining(taught=0.4), faces, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"share of 0\.4 of the targets is a teacher's"):
        state.train_epoch()
    state.learn_from(answers)
    assert torch.allclose(state.targets.sum(1), torch.ones(8))
    assert torch.allclose(state.targets.gather(1, state.y[:, None]), torch.tensor(0.6 + 0.4 / 7))


def test_weights_that_a_later_network_needs_are_missed_before_the_first_is_trained(published, data, tmp_path, monkeypatch):
    monkeypatch.setattr(FaceTrainer, "train_epoch", lambda _: pytest.fail("a network is trained in vain"))
    models = tmp_path / "models"
    models.mkdir()
    (models / "faceres.bin").write_bytes((published / "faceres.bin").read_bytes())
    monkeypatch.setenv("MMER_MODELS", str(models))
    with pytest.raises(EncoderUnavailable, match=r"face_recognition_model\.bin with sha256"):
        train_face(data, tmp_path / "work", seed=3, epochs=SHORT)


def test_a_finished_training_asks_no_teacher_and_no_published_weights(trained, data, monkeypatch):
    work, result = trained
    monkeypatch.delenv("MMER_MODELS")
    monkeypatch.setattr(FaceTrainer, "learn_from", lambda *_: pytest.fail("the training had ended"))
    again = train_face(data, work, seed=3, epochs=SHORT)
    assert again == result


def test_a_checkpoint_of_another_training_is_refused(data, tmp_path):
    state = trainer(data, tmp_path / "a.safetensors")
    assert not state.resume()
    state.save()
    with pytest.raises(ValueError, match="other options: delete it or give another --work folder"):
        trainer(data, tmp_path / "a.safetensors", cycles=(3,)).resume()


def test_training_learns(data, tmp_path):
    state = trainer(data, tmp_path / "a.safetensors", cycles=(6,))
    for _ in range(6):
        run_epoch(state)
    assert state.history[-1]["loss"] < state.history[0]["loss"]


def test_temperature_undoes_overconfidence():
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.integers(0, 7, 2000))
    logits = torch.from_numpy(random.normal(size=(2000, 7))).float()
    probabilities = logits.softmax(1)
    drawn = torch.multinomial(probabilities, 1, generator=torch.Generator().manual_seed(0)).squeeze(1)
    assert fit_temperature(logits * 3, drawn) == pytest.approx(3, rel=0.15)
    assert fit_temperature(logits, labels) > 3  # logits that know nothing are flattened


def test_figures_of_a_known_case():
    logits = np.eye(7)[[0, 0, 1, 2]]
    scores = figures(logits, np.array([0, 0, 0, 2]))
    assert scores["accuracy"] == 0.75
    assert scores["recall"]["neutral"] == pytest.approx(2 / 3)
    assert scores["recall"]["disgust"] == 1
    assert scores["ua"] == pytest.approx((2 / 3 + 1) / 7)


def test_flipping_a_picture_does_not_change_its_logits(trained):
    network = load_network(trained[0] / "face.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    assert as_input(images).max() <= 1
    assert torch.allclose(flip_logits(network, images), flip_logits(network, images[:, :, ::-1]), atol=1e-3)


def test_framing_is_measured_in_shares_of_the_picture(data):
    faces = read_fer2013(data / "fer2013" / "train.npz")

    def detect(frame, smallest):
        # the detector sees the picture four times as large, with a border of 12 pixels
        box = (np.array([4.0, 0.0, 44.0, 50.0]) + 12) * 4
        return [Detection(box.astype(np.float32), ((TEMPLATE * 48 + 12) * 4 - 0.5).astype(np.float32), 0.99)]

    measured = measure_framing(faces, detect, count=5)
    assert measured["found"] == measured["searched"] == 5
    assert np.array(measured["landmarks"]) == pytest.approx(TEMPLATE, abs=0.002)
    assert measured["frame_per_box"] == pytest.approx(48 / 50, abs=0.01)
