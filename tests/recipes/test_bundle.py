"""The shipped models from the files of their steps: a small default one, and a large one of MPNet's shape."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from recipe_steps import EVEN, MEAN_HEAD, use_small_mpnet, write_steps, write_words

from mmer_core import checkpoint
from mmer_core.encoders import EncoderUnavailable, mpnet
from mmer_core.inference import shipped
from mmer_core.inference.card import AGAINST, PROHIBITED, write_card
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.loading import text_clip
from mmer_core.uncertainty import out_of_distribution
from recipes import left_out
from recipes.bundle.assemble import bundle
from recipes.bundle.card import LIMITS
from recipes.bundle.large import bundle_large, compare
from recipes.bundle.refit import NOT_REFITTED, refit_large
from recipes.words.corpora import read_goemotions, read_meld

pytestmark = pytest.mark.long

C = len(EMOTIONS)
DRAWS = 500


@pytest.fixture
def small_mpnet(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    use_small_mpnet(folder, monkeypatch)
    return folder


@pytest.fixture(scope="session")
def bundled(once, texts):
    """work with the steps' files, and the default model beside the large one."""

    def make(folder: Path) -> None:
        write_steps(folder / "work")
        with pytest.MonkeyPatch.context() as patch:
            use_small_mpnet(folder / "models", patch)
            bundle(folder / "work", folder / "default", draws=DRAWS)
            bundle_large(texts, folder / "work", folder / "large", folder / "default", draws=DRAWS)

    return once("bundle", make)


def test_the_default_model_answers_and_its_record_says_how_it_is_built(bundled):
    model = EmotionModel.load(bundled / "default")
    assert model.record["schema"] == 2
    assert model.record["fusion"]["name"] == "product"
    assert model.record["fusion"]["options"]["heads"]["audio"] == {"name": "mean", "options": MEAN_HEAD}
    assert set(model.record["files"]) == {
        "fusion.safetensors",
        "text.safetensors",
        "face.safetensors",
        "out_of_distribution.safetensors",
    }
    assert model.labels == EMOTIONS
    assert "text+audio+visual" in model.calibration.temperatures
    assert 0 < model.unsure_below < 1
    assert set(model.detectors) == {Modality.TEXT, Modality.AUDIO, Modality.VISUAL}
    prediction = model.predict(text="I am so happy for you.")
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_the_voice_is_read_against_the_average_speaker_of_its_step(bundled):
    model, step = EmotionModel.load(bundled / "default"), bundled / "work" / "voice.safetensors"
    assert set(model.input_scaling) == {Modality.AUDIO}
    found, made = model.input_scaling[Modality.AUDIO]._asdict(), checkpoint.load_tensors(step)
    for name, value in found.items():
        np.testing.assert_array_equal(value, made[f"input_scaling.audio.{name}"].numpy())
    expert = model.network.classifiers[Modality.AUDIO]
    assert torch.equal(expert.mean, made["expert.mean"]), "in full precision, as it was measured"
    assert torch.equal(expert.linear.weight, made["expert.linear.weight"].half().float())


def test_its_card_has_the_scores_of_the_corpora_that_were_left_out(bundled):
    record = checkpoint.read_record(bundled / "default")
    card, written = record["card"], (bundled / "default" / "README.md").read_text(encoding="utf-8")
    assert {m: list(rows) for m, rows in card["strangers"].items()} == {
        m: ["first", "second", "mean"] for m in ("text", "audio", "visual")
    }
    apart = left_out.read(bundled / "work" / "voice_strangers.parquet")
    assert card["strangers"]["audio"] == left_out.strangers(apart, EVEN, EVEN)
    temperature = left_out.fit_temperature(list(apart.values()), EVEN, EVEN)
    assert card["fusion"]["temperatures"]["audio"] == pytest.approx(temperature, rel=1e-5)
    voice = json.loads((bundled / "work" / "voice.json").read_text(encoding="utf-8"))["strangers"]
    assert card["baseline"] == {"audio": {k: voice[k]["mean"] for k in ("nothing", "ordinary")}}
    assert "## Strangers" in written
    assert f"| second | 210 | {card['strangers']['text']['second']['ua']:.3f} |" in written


def test_the_same_steps_give_the_same_model(bundled, tmp_path):
    bundle(bundled / "work", tmp_path / "again", draws=DRAWS)
    first, again = (checkpoint.read_record(folder) for folder in (bundled / "default", tmp_path / "again"))
    assert first == again


def test_its_card_has_limits_data_figures_and_recipes(bundled, tmp_path):
    record = checkpoint.read_record(bundled / "default")
    card = write_card(tmp_path, record).read_text(encoding="utf-8")
    assert card == (bundled / "default" / "README.md").read_text(encoding="utf-8")
    assert all(limit in card for limit in (*LIMITS, *PROHIBITED))
    assert all(digest in card for digest in record["files"].values())
    assert "| text | 140 | none |" in card
    assert "| face \\| plain | 0.6125 |" in card
    assert "## Needs" not in card
    assert set(record["card"]["figures"]) == {"text", "audio", "visual", "fused", "out_of_distribution"}
    assert set(record["card"]["figures"]["fused"]["subsets"]) == set(record["calibration"]["temperatures"])


def test_the_large_model_brings_only_its_words_and_takes_the_rest_from_the_default_one(bundled, small_mpnet):
    record = checkpoint.read_record(bundled / "large")
    assert record["name"] == "mmer-large"
    assert sorted(record["files"]) == [
        "fusion.safetensors",
        "out_of_distribution.safetensors",
        "text.safetensors",
    ]
    assert set(out_of_distribution.load(bundled / "large")) == {Modality.TEXT}
    large, default = (EmotionModel.load(bundled / name) for name in ("large", "default"))
    assert large.encoders[Modality.TEXT].spec.name == "mpnet"
    assert large.encoders[Modality.VISUAL].spec == default.encoders[Modality.VISUAL].spec
    assert set(large.detectors) == set(Modality) - {Modality.METADATA}
    assert large.detectors[Modality.TEXT].mean.shape == (mpnet.TINY.width,)
    assert large.identity != default.identity
    assert set(record["card"]["strangers"]) == {"audio", "visual"}, "its words were on no corpus left out"
    clip = text_clip("I am so happy for you.")
    assert large.predict(clip).probabilities != default.predict(clip).probabilities


def test_the_large_models_card_says_what_it_gains(bundled, small_mpnet, texts):
    gains = checkpoint.read_record(bundled / "large")["card"]["figures"]["text"][AGAINST]
    assert set(gains) == {"alone", "in dialogue", "comments"}
    for row in gains.values():
        assert row["low"] <= row["weighted_f1"] <= row["high"]
        assert 0 <= row["p"] <= 1
        assert row["cross_entropy_low"] <= row["cross_entropy"] <= row["cross_entropy_high"]
    card = (bundled / "large" / "README.md").read_text(encoding="utf-8")
    assert AGAINST in card
    assert "come from `../default`" in card
    assert "download model.safetensors" in card
    default = EmotionModel.load(bundled / "default")
    parts = read_meld(texts / "meld", "dev"), read_goemotions(texts / "goemotions", "test")
    same = compare(default, default, *parts)
    assert [row[key] for row in same.values() for key in ("weighted_f1", "cross_entropy")] == [0.0] * 6


def test_the_large_model_is_offered_where_its_weights_are(bundled, small_mpnet, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(shipped, "MODELS", {name: bundled / name for name in ("default", "large")})
    assert shipped.usable_models() == ("default", "large")
    for file in small_mpnet.iterdir():
        file.unlink()
    assert shipped.usable_models() == ("default",)
    with pytest.raises(EncoderUnavailable, match=r"download model\.safetensors"):
        EmotionModel.load(bundled / "large")


def test_the_large_model_is_not_offered_beside_another_default_one(
    bundled, small_mpnet, tmp_path, monkeypatch
):
    folder = shutil.copytree(bundled, tmp_path / "changed")
    monkeypatch.setattr(shipped, "MODELS", {name: folder / name for name in ("default", "large")})
    write_words(folder / "work", "minilm", 384, seed=5)
    bundle(folder / "work", folder / "default", draws=DRAWS)
    assert shipped.usable_models() == ("default",)
    with pytest.raises(checkpoint.CheckpointError, match="builds on another model"):
        EmotionModel.load(folder / "large")


def test_the_large_model_goes_on_beside_another_default_one(bundled, small_mpnet, tmp_path):
    folder = shutil.copytree(bundled, tmp_path / "changed")
    write_words(folder / "work", "minilm", 384, seed=5)
    bundle(folder / "work", folder / "default", draws=DRAWS, seed=1)
    refit_large(folder / "large", folder / "default")
    old, large, default = (
        EmotionModel.load(path) for path in (bundled / "large", folder / "large", folder / "default")
    )
    clip = text_clip("I am so happy for you.")
    said = [model.predict(clip, use=[Modality.TEXT]).probabilities for model in (old, large, default)]
    assert said[1] == pytest.approx(said[0]), "its words stay as they were"
    assert said[1] != pytest.approx(said[2])
    assert torch.equal(large.network.weight, default.network.weight)
    assert large.calibration.unsure_below == default.calibration.unsure_below
    card = large.record["card"]
    assert NOT_REFITTED in card["limits"]
    assert "fused" not in card["figures"]
    assert card["figures"]["text"] == old.record["card"]["figures"]["text"]
    assert card["figures"]["visual"] == default.record["card"]["figures"]["visual"]
    assert "come from `../default`" in (folder / "large" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "step"),
    [("text", "words"), ("voice", "voice"), ("out_of_distribution", "out-of-distribution")],
)
def test_a_missing_step_is_named(bundled, tmp_path, file, step):
    work = shutil.copytree(bundled / "work", tmp_path / "work")
    (work / f"{file}.json").unlink()
    with pytest.raises(
        ValueError, match=rf"{file}\.json is missing: run python -m recipes --only {step} first"
    ):
        bundle(work, tmp_path / "out", draws=DRAWS)


def test_without_its_words_the_large_model_says_what_to_run(texts, tmp_path, small_mpnet):
    (tmp_path / "large").mkdir()
    expected = r"text\.json is missing: run python -m recipes --only words before this step"
    with pytest.raises(FileNotFoundError, match=expected):
        bundle_large(texts, tmp_path, tmp_path / "out", tmp_path / "default")
