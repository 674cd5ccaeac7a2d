"""Training of the expert on words, on a corpus of a few dozen utterances laid out like the real ones."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mmer_core.clip import Clip
from mmer_core.default_model import text_trainer
from mmer_core.default_model.text import train_text
from mmer_core.default_model.text_corpora import bare, hold_out, read_goemotions, read_meld
from mmer_core.default_model.text_trainer import TextTraining, average
from mmer_core.encoders.text import MiniLmEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

PHRASES = {
    "neutral": ["The table is in the kitchen.", "It is four o’clock.", "He works at the bank."],
    "anger": ["Get out of my house!", "How dare you lie to me!", "I hate you, stop it now!"],
    "disgust": ["That smells revolting.", "Eww, there is a worm in it.", "How gross, I feel sick."],
    "fear": ["I am terrified of him.", "Please, don’t hurt me.", "I'm scared, something is out there."],
    "joy": ["This is wonderful, I love it!", "Hooray, we won!", "I am so happy for you."],
    "sadness": ["I miss her so much.", "My dog died yesterday.", "I feel lonely and I cry."],
    "surprise": ["Oh my God, you are pregnant?", "What? I can't believe it!", "Wow, I did not expect that!"],
}
GOEMOTIONS_LABELS = ["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]
SHORT = TextTraining(rank=2, first_epochs=1, epochs=2, rate=5e-3, batch=16, held_out=0.3, seeds=2)


def meld_table(dialogues: int) -> pd.DataFrame:
    """Seven utterances a dialogue, one of each emotion."""
    rows = [
        {"Sr No.": 7 * d + u, "Utterance": PHRASES[e][d % 3], "Speaker": "Ann", "Emotion": e, "Sentiment": "-", "Dialogue_ID": d, "Utterance_ID": u}
        for d in range(dialogues)
        for u, e in enumerate(EMOTIONS)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "meld").mkdir()
    (folder / "goemotions").mkdir()
    meld_table(9).to_csv(folder / "meld" / "train_sent_emo.csv", index=False)
    meld_table(3).to_csv(folder / "meld" / "dev_sent_emo.csv", index=False)
    lines = [f'{PHRASES[e][0]} "quoted\t{GOEMOTIONS_LABELS.index(e)}\tid{i}' for i, e in enumerate(EMOTIONS)]
    (folder / "goemotions" / "train.tsv").write_text("\n".join([*lines, "two at once\t0,3\tidx"]) + "\n", encoding="utf-8")
    (folder / "goemotions" / "labels.txt").write_text("\n".join(GOEMOTIONS_LABELS), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A work folder after an undisturbed training."""
    work = tmp_path_factory.mktemp("work")
    train_text(data, work, seed=3, options=SHORT)
    return work


class TestCorpora:
    def test_meld_keeps_dialogues_together(self, data):
        meld = read_meld(data / "meld", "train")
        assert len(meld) == 63
        assert meld.ids[8] == "meld/train/dia1_utt1"
        assert meld.groups[8] == "meld/train/dia1"
        assert EMOTIONS[meld.labels[8]] == "anger"
        learn, held = hold_out(meld, 0.3, seed=0)
        assert len(held) == 21
        assert not set(learn.groups) & set(held.groups)
        assert sorted((*learn.ids, *held.ids)) == sorted(meld.ids)

    def test_what_was_said_before_stays_within_the_dialogue(self, data):
        meld = read_meld(data / "meld", "train")
        before = meld.before()
        assert before[7] == ()
        assert before[10] == meld.texts[7:10]
        assert before[13] == meld.texts[7:13]
        assert read_goemotions(data / "goemotions").before() == [()] * 7

    def test_goemotions_leaves_out_comments_with_two_emotions(self, data):
        goemotions = read_goemotions(data / "goemotions")
        assert [EMOTIONS[label] for label in goemotions.labels] == list(EMOTIONS)
        assert goemotions.texts[0].endswith('"quoted')

    def test_what_is_missing_is_named(self, data, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"train_sent_emo\.csv is missing: --data names the folder"):
            read_meld(tmp_path, "train")
        meld_table(1).drop(columns="Emotion").to_csv(tmp_path / "train_sent_emo.csv")
        with pytest.raises(ValueError, match="has no column Emotion"):
            read_meld(tmp_path, "train")

    def test_bare_text_is_what_a_plain_recogniser_writes(self):
        assert bare("Oh — it’s YOU! (Really?)") == "oh it's you really"
        assert bare("...") == "..."


class TestTraining:
    def test_the_mean_of_trainings_is_the_mean_of_their_weights(self):
        torch.manual_seed(0)
        trained = [{"adapter.a.up": torch.randn(5, 2), "adapter.a.down": torch.randn(2, 4), "expert.layers.1.bias": torch.randn(7)} for _ in range(3)]
        mean = average(trained)
        expected = sum(t["adapter.a.up"] @ t["adapter.a.down"] for t in trained) / 3
        assert torch.allclose(mean["adapter.a.up"] @ mean["adapter.a.down"], expected, atol=1e-6)
        assert torch.allclose(mean["expert.layers.1.bias"], sum(t["expert.layers.1.bias"] for t in trained) / 3)

    def test_it_learns(self, trained):
        report = json.loads((trained / "text.json").read_text(encoding="utf-8"))
        scores = report["figures"]["MELD dev"]
        assert scores["n"] == 21
        assert scores["weighted_f1"] > 0.9  # the development part repeats the training part here
        assert set(scores["f1"]) == set(EMOTIONS)
        assert [row["recipe"] for row in report["tried"]] == [
            "frozen, logistic regression",
            "frozen, logistic regression, half without punctuation",
            "adapters, MELD alone",
            "adapters, GoEmotions then MELD",
            "adapters, GoEmotions then MELD in its dialogues",
        ]
        assert all({"held_out", "held_out_bare", "dev", "dev_bare"} < set(row) for row in report["tried"])
        assert all("held_out_in_dialogue" in row for row in report["tried"] if row["recipe"].startswith("adapters"))
        assert {"weighted_f1_mean", "weighted_f1_sd", "weighted_f1_bare_mean"} <= set(report["figures"]["MELD dev, 2 seeds one by one"])
        assert report["prior"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7), abs=1e-5)
        assert (report["seed"], report["options"]["rank"]) == (3, 2)

    def test_the_written_weights_give_the_written_logits(self, trained):
        report = json.loads((trained / "text.json").read_text(encoding="utf-8"))
        encoder = MiniLmEncoder(**{k: trained / v if k == "delta" else v for k, v in report["encoder_options"].items()})
        expert = WordsNetwork(**report["expert_options"]).eval()
        tensors = load_file(trained / "text.safetensors")
        assert {t.dtype for t in tensors.values()} == {torch.float16}
        expert.load_state_dict({k.removeprefix("expert."): v.float() for k, v in tensors.items() if k.startswith("expert.")})
        table = pd.read_parquet(trained / "text_validation.parquet")
        assert list(table.columns) == ["id", "label", "group", *(f"logit_{name}" for name in EMOTIONS)]
        row = table.iloc[5]
        x = torch.from_numpy(encoder.encode(Clip("", "", "text", text=PHRASES["sadness"][0]))).unsqueeze(0)
        with torch.inference_mode():
            logits = expert(x, torch.zeros(1, 1, dtype=torch.bool))[0].numpy()
        assert row["label"] == "sadness"
        assert np.allclose(logits, row[[f"logit_{name}" for name in EMOTIONS]].to_numpy(float), atol=1e-3)

    def test_stopped_and_resumed_it_gives_the_same_weights(self, data, trained, tmp_path, monkeypatch):
        """Stop it amid a recipe and amid the final training, as a kill would: the checkpoint is written, the next epoch has not begun."""

        class Stopped(Exception):
            pass

        real, count = text_trainer.Stage._save, [0]

        def save_and_stop(stage: text_trainer.Stage) -> None:
            real(stage)
            count[0] += 1
            if count[0] in (2, 10):
                raise Stopped

        monkeypatch.setattr(text_trainer.Stage, "_save", save_and_stop)
        for _ in range(2):
            with pytest.raises(Stopped):
                train_text(data, tmp_path, seed=3, options=SHORT)
        train_text(data, tmp_path, seed=3, options=SHORT)
        assert count[0] == 11
        expected, resumed = load_file(trained / "text.safetensors"), load_file(tmp_path / "text.safetensors")
        assert set(expected) == set(resumed)
        assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    def test_state_of_another_training_is_refused(self, data, trained):
        with pytest.raises(ValueError, match="belongs to a training with other data or options: delete it"):
            train_text(data, trained, seed=4, options=SHORT)
