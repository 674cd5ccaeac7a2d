"""More utterances by other people than MELD's and GoEmotions': film subtitles, tweets and made sentences, for
training and for measuring how a network reads strangers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances


class Source(NamedTuple):
    """Where a corpus lies below the data folder, and how it is named and licensed in a model's card."""

    path: str
    title: str
    licence: str


SOURCES = {
    "xed": Source("texts/xed/en.tsv", "XED, English film subtitles", "CC BY 4.0"),
    "semeval2018": Source(
        "texts/semeval2018_ec/labels.tsv", "SemEval-2018 E-c, tweets", "research, no redistribution"
    ),
    "tweeteval": Source(
        "texts/tweeteval_emotion/labels.tsv", "TweetEval emotion, tweets", "research, no redistribution"
    ),
    "emotion_stimulus": Source(
        "texts/emotion_stimulus/labels.tsv", "Emotion-Stimulus, sentences of FrameNet", "research"
    ),
}
#: Corpora that are left out together: both of tweets are of one collection and share texts.
GROUPS = {"film": ("xed",), "tweets": ("semeval2018", "tweeteval"), "sentences": ("emotion_stimulus",)}


def read_labelled(path: Path, name: str) -> Utterances:
    """A table with the columns text and label7, tab-separated and without quoting; utterances with another
    label than the seven emotions are left out, as are repeated texts after the first. Each utterance is a
    group of its own, named `<name>/<row>`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: --data names the folder that holds texts/")
    table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str, quoting=3)
    for column in ("text", "label7"):
        if column not in table.columns:
            raise ValueError(f"{path} has no column {column}: give a table with text and label7")
    table = table[table["label7"].isin(EMOTIONS) & ~table["text"].duplicated()]
    ids = tuple(f"{name}/{row}" for row in table.index)
    labels = np.array([EMOTIONS.index(label) for label in table["label7"]], dtype=np.int64)
    return Utterances(ids, tuple(table["text"]), labels, ids)


def read_more(data: Path) -> dict[str, Utterances]:
    """Every corpus of `SOURCES` below the folder `data`; FileNotFoundError if one is missing."""
    return {name: read_labelled(data / source.path, name) for name, source in SOURCES.items()}


def own_classes(labels: np.ndarray) -> np.ndarray:
    """(C,) bool: which emotions occur among labels (N,)."""
    return np.bincount(labels, minlength=len(EMOTIONS)) > 0
