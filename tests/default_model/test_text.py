"""Training of the expert on words, on the few utterances of `conftest`."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mmer_core.calibration import negative_log_likelihood
from mmer_core.clip import Clip
from mmer_core.default_model import text_stage
from mmer_core.default_model.text import train_text
from mmer_core.default_model.text_choice import HALF_REHEARSING, REHEARSING
from mmer_core.default_model.text_corpora import Utterances, bare, elsewhere, hold_out, log_frequencies, read_goemotions, read_meld
from mmer_core.default_model.text_phrases import SHARES
from mmer_core.default_model.text_recipes import TextTraining
from mmer_core.default_model.text_teacher import ANSWERS, TRIAL_ANSWERS, read_answers
from mmer_core.default_model.text_trainer import TextTrainer, average
from mmer_core.encoders.text import MiniLmEncoder
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

pytestmark = pytest.mark.usefixtures("shallow_minilm")

SHORT = TextTraining(
    rank=2,
    first_epochs=1,
    epochs=2,
    taught_epochs=2,
    rehearsed=5,
    rate=5e-3,
    batch=16,
    held_out=0.3,
    seeds=2,
    recipes=TextTraining().recipes[:3],
)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory, shallow_minilm):
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

    def test_a_judge_of_other_frequencies_is_asked_what_the_text_means(self, data):
        comments = read_goemotions(data / "goemotions", "test")
        known = np.repeat(np.arange(7), [93, 1, 1, 1, 1, 1, 1])  # to such a judge everything is neutral, and these are not
        logits = np.tile(np.log((np.bincount(known) + 1) / 106), (7, 1))
        assert elsewhere(comments, known).ask(lambda *_: logits) == pytest.approx(np.full((7, 7), np.log(1 / 7)), abs=1e-6)

    def test_goemotions_leaves_out_comments_with_two_emotions(self, data):
        goemotions = read_goemotions(data / "goemotions")
        assert [EMOTIONS[label] for label in goemotions.labels] == list(EMOTIONS)
        assert goemotions.texts[0].endswith('"quoted')

    def test_what_is_missing_is_named(self, data, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"train_sent_emo\.csv is missing: --data names the folder"):
            read_meld(tmp_path, "train")
        pd.read_csv(data / "meld" / "train_sent_emo.csv").drop(columns="Emotion").to_csv(tmp_path / "train_sent_emo.csv")
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
        assert report["phrases_share"] in SHARES
        best = report["recipe"].removesuffix(REHEARSING).removesuffix(HALF_REHEARSING)
        assert [row["recipe"] for row in report["tried"]] == [
            "frozen, logistic regression",
            "frozen, logistic regression, half without punctuation",
            "adapters, MELD alone",
            "adapters, GoEmotions then MELD",
            "adapters, GoEmotions then MELD in its dialogues",
            f"{best}{REHEARSING}",
            f"{best}{HALF_REHEARSING}",
            "phrases alone",
            f"{report['recipe']}, beside phrases",
        ]
        assert all({"held_out", "held_out_bare", "dev", "dev_bare", "comments"} < set(row) for row in report["tried"])
        assert all("held_out_in_dialogue" in row for row in report["tried"] if row["recipe"].startswith("adapters"))
        assert {"weighted_f1_mean", "weighted_f1_sd", "weighted_f1_bare_mean"} <= set(report["figures"]["MELD dev, 2 seeds one by one"])
        assert report["prior"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7), abs=1e-5)
        assert report["figures"]["GoEmotions test"]["n"] == 7
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
        x = torch.from_numpy(encoder.encode(Clip("", "", "text", text="I miss her so much."))).unsqueeze(0)
        with torch.inference_mode():
            logits = expert(x, torch.zeros(1, 1, dtype=torch.bool))[0].numpy()
        assert row["label"] == "sadness"
        assert np.allclose(logits, row[[f"logit_{name}" for name in EMOTIONS]].to_numpy(float), atol=1e-3)

    def test_stopped_and_resumed_it_gives_the_same_weights(self, data, trained, tmp_path, monkeypatch):
        """Stop it amid a recipe and amid the final training, as a kill would: the checkpoint is written, the next epoch has not begun."""

        class Stopped(Exception):
            pass

        real, count = text_stage.Stage._save, [0]

        def save_and_stop(stage: text_stage.Stage) -> None:
            real(stage)
            count[0] += 1
            if count[0] in (2, 10):
                raise Stopped

        monkeypatch.setattr(text_stage.Stage, "_save", save_and_stop)
        for _ in range(2):
            with pytest.raises(Stopped):
                train_text(data, tmp_path, seed=3, options=SHORT)
        train_text(data, tmp_path, seed=3, options=SHORT)
        assert count[0] in {13, 17}  # the mean of without and with rehearsing takes two trainings a seed
        expected, resumed = load_file(trained / "text.safetensors"), load_file(tmp_path / "text.safetensors")
        assert set(expected) == set(resumed)
        assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    def test_state_of_another_training_is_refused(self, data, trained):
        with pytest.raises(ValueError, match="belongs to a training with other data or options: delete it"):
            train_text(data, trained, seed=4, options=SHORT)


class TestRehearsal:
    @pytest.fixture
    def stage(self, data, tmp_path):
        trainer = TextTrainer(replace(SHORT, smoothing=0.0, rehearsed=5), 0)
        meld, comments = read_meld(data / "meld", "train"), read_goemotions(data / "goemotions")
        answers = torch.full((2, 63, 7), 1 / 7)
        path = tmp_path / "s.safetensors"
        return text_stage.Stage("x", trainer, meld, epochs=2, rate=1e-3, checkpoint=path, in_dialogue=0.5, answers=answers, rehearsal=comments)

    def test_an_epoch_shows_every_utterance_and_some_of_the_comments(self, stage, monkeypatch):
        shown = []

        def loss(logits, index, told):
            shown.append((index, told))
            return logits.sum() * 0.0

        monkeypatch.setattr(stage, "_loss", loss)
        stage.run()
        index, told = (np.concatenate(parts) for parts in zip(*shown, strict=True))
        first, second = (set(half.tolist()) for half in np.split(index, 2))
        assert len(index) == 2 * 68
        assert set(range(63)) < first
        assert set(range(63)) < second
        assert first != second  # other comments
        assert not told[index >= 63].any()

    def test_comments_are_learned_from_their_labels_at_their_own_frequencies(self, data, stage):
        meld, comments = read_meld(data / "meld", "train"), read_goemotions(data / "goemotions")
        logits, index = torch.randn(2, 7), np.array([4, 63 + 2])
        moved = logits[1] + torch.from_numpy(log_frequencies(comments.labels) - log_frequencies(meld.labels))
        own = torch.log_softmax(logits[0], dim=0)
        taught = -(0.2 * own[meld.labels[4]] + 0.8 * own.mean())
        expected = (taught - torch.log_softmax(moved, dim=0)[comments.labels[2]]) / 2
        assert torch.allclose(stage._loss(logits, index, np.array([False, False])), expected)

    def test_it_keeps_what_was_learned_before(self, data, tmp_path):
        """Comments that were learned, and then utterances much like them that are all called neutral."""
        comments, meld = read_goemotions(data / "goemotions"), read_meld(data / "meld", "train")
        other = Utterances(meld.ids, meld.texts, np.zeros(len(meld), dtype=np.int64), meld.groups)
        losses = {}
        for rehearsed in (0, 7):
            trainer = TextTrainer(replace(SHORT, rehearsed=7), 0)
            text_stage.Stage("first", trainer, comments, epochs=30, rate=5e-3, checkpoint=tmp_path / f"first{rehearsed}.safetensors").run()
            path = tmp_path / f"then{rehearsed}.safetensors"
            text_stage.Stage("then", trainer, other, epochs=4, rate=5e-3, checkpoint=path, rehearsal=comments if rehearsed else None).run()
            logits = elsewhere(comments, other.labels).ask(trainer.answer)
            losses[rehearsed] = negative_log_likelihood(logits, comments.labels)
        assert losses[7] < losses[0] - 0.3


class TestTeacher:
    @pytest.fixture(scope="class")
    def work(self, data, tmp_path_factory):
        """A work folder with a teacher's answers; a small one, so that no large weights are needed."""
        work = tmp_path_factory.mktemp("taught")
        train_text(data, work / "large", seed=3, options=replace(SHORT, recipes=SHORT.recipes[2:], seeds=1, teaches=True))
        return work

    def test_it_answers_to_every_utterance_alone_and_in_its_dialogue(self, data, work):
        meld = read_meld(data / "meld", "train")
        answers = read_answers(work / "large" / ANSWERS, meld)
        assert answers.shape == (2, 63, 7)
        assert torch.allclose(answers.sum(-1), torch.ones(2, 63), atol=1e-5)
        assert not torch.allclose(answers[0], answers[1], atol=1e-3)
        assert not torch.allclose(read_answers(work / "large" / TRIAL_ANSWERS, meld), answers, atol=1e-3)  # another network, which knows less
        reversed_part = meld.take(np.arange(62, -1, -1))
        assert torch.equal(read_answers(work / "large" / ANSWERS, reversed_part), answers.flip(1))

    def test_the_pupil_follows_labels_and_answers(self, data, work, trained):
        report = train_text(data, work, seed=3, options=replace(SHORT, recipes=TextTraining().recipes[3:4]))
        assert "taught by MPNet" in report["recipe"]
        assert report["tried"][2]["recipe"] == report["recipe"] == TextTraining().recipes[3]
        assert report["figures"]["MELD dev"]["weighted_f1"] > 0.9
        taught, alone = load_file(work / "text.safetensors"), load_file(trained / "text.safetensors")
        assert any(not torch.equal(taught[name], alone[name]) for name in alone)

    def test_the_loss_is_a_mean_of_both(self, data, work, tmp_path):
        meld = read_meld(data / "meld", "train")
        answers = read_answers(work / "large" / ANSWERS, meld)
        trainer = TextTrainer(replace(SHORT, smoothing=0.0, taught=0.25), 0)
        path = tmp_path / "s.safetensors"
        stage = text_stage.Stage("x", trainer, meld, epochs=1, rate=1e-3, checkpoint=path, answers=answers)
        logits, index, told = torch.randn(2, 7), np.array([4, 9]), np.array([False, True])
        log_p = torch.log_softmax(logits, dim=1)
        labels = -(log_p[0, meld.labels[4]] + log_p[1, meld.labels[9]])
        soft = [-(log_p[i] * answers[int(t), n]).sum() for i, (n, t) in enumerate(zip(index, told, strict=True))]
        assert torch.allclose(stage._loss(logits, index, told), (0.75 * labels + 0.25 * sum(soft)) / 2)

    def test_without_its_answers_one_sentence_says_what_to_do(self, data, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"text_answers_trial\.parquet is missing: run train-default --only large-text first"):
            train_text(data, tmp_path, seed=3, options=replace(SHORT, recipes=TextTraining().recipes[3:4]))

    def test_an_utterance_it_was_not_asked_about_is_an_error(self, data, work):
        with pytest.raises(ValueError, match="lacks some of the utterances"):
            read_answers(work / "large" / ANSWERS, read_meld(data / "meld", "dev"))
