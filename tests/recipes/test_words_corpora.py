"""MELD and GoEmotions for the text recipe, and the conditions under which they are read."""

import numpy as np
import pandas as pd
import pytest

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import hold_out, read_goemotions, read_meld, under_own_prior, without_punctuation


def test_meld_keeps_dialogues_together(texts):
    meld = read_meld(texts / "meld", "train")
    assert len(meld) == 63
    assert meld.ids[8] == "meld/train/dia1_utt1"
    assert meld.groups[8] == "meld/train/dia1"
    assert EMOTIONS[meld.labels[8]] == "anger"
    learn, held = hold_out(meld, 0.3, seed=0)
    assert len(held) == 21
    assert not set(learn.groups) & set(held.groups)
    assert sorted((*learn.ids, *held.ids)) == sorted(meld.ids)


def test_context_stays_within_the_dialogue(texts):
    meld = read_meld(texts / "meld", "train")
    contexts = meld.contexts()
    assert contexts[7] == ()
    assert contexts[10] == meld.texts[7:10]
    assert contexts[13] == meld.texts[7:13]
    assert read_goemotions(texts / "goemotions").contexts() == [()] * 7


def test_a_predictor_of_other_frequencies_is_measured_by_what_it_reads(texts):
    comments = read_goemotions(texts / "goemotions", "test")
    trained = np.repeat(np.arange(7), [93, 1, 1, 1, 1, 1, 1])
    logits = np.tile(np.log((np.bincount(trained) + 1) / 106), (7, 1))  # it calls everything neutral
    condition = under_own_prior(comments, trained)
    assert condition.logits(lambda *_: logits) == pytest.approx(np.full((7, 7), np.log(1 / 7)), abs=1e-6)


def test_goemotions_leaves_out_comments_with_two_emotions(texts):
    goemotions = read_goemotions(texts / "goemotions")
    assert [EMOTIONS[label] for label in goemotions.labels] == list(EMOTIONS)
    assert goemotions.texts[0].endswith('"quoted')


def test_a_missing_table_or_column_is_named(texts, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train_sent_emo\.csv is missing: --data names the folder"):
        read_meld(tmp_path, "train")
    table = pd.read_csv(texts / "meld" / "train_sent_emo.csv").drop(columns="Emotion")
    table.to_csv(tmp_path / "train_sent_emo.csv")
    with pytest.raises(ValueError, match="has no column Emotion"):
        read_meld(tmp_path, "train")


def test_without_punctuation_a_text_is_that_of_a_plain_recogniser():
    assert without_punctuation("Oh — it’s YOU! (Really?)") == "oh it's you really"
    assert without_punctuation("...") == "..."
