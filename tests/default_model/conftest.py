"""MELD, GoEmotions, FER2013 and published face weights in small, laid out like the real ones."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from default_model.face_files import write_faceres, write_part, write_recognition

from mmer_core.checkpoint import sha256_of
from mmer_core.default_model.face_published import STARTS
from mmer_core.encoders import text
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


def meld_table(dialogues: int) -> pd.DataFrame:
    """Seven utterances a dialogue, one of each emotion."""
    rows = [
        {"Sr No.": 7 * d + u, "Utterance": PHRASES[e][d % 3], "Speaker": "Ann", "Emotion": e, "Sentiment": "-", "Dialogue_ID": d, "Utterance_ID": u}
        for d in range(dialogues)
        for u, e in enumerate(EMOTIONS)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="package")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "meld").mkdir()
    (folder / "goemotions").mkdir()
    meld_table(9).to_csv(folder / "meld" / "train_sent_emo.csv", index=False)
    meld_table(3).to_csv(folder / "meld" / "dev_sent_emo.csv", index=False)
    for i, split in enumerate(("train", "dev", "test")):
        lines = [f'{PHRASES[e][i]} "quoted\t{GOEMOTIONS_LABELS.index(e)}\tid{j}' for j, e in enumerate(EMOTIONS)]
        (folder / "goemotions" / f"{split}.tsv").write_text("\n".join([*lines, "two at once\t0,3\tidx"]) + "\n", encoding="utf-8")
    (folder / "goemotions" / "labels.txt").write_text("\n".join(GOEMOTIONS_LABELS), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shallow_minilm():
    """MiniLM with two of its six layers, for tests that train on it again and again: it learns the few utterances above as well."""
    shallow = text.minilm_network()
    shallow.encoder["layer"] = shallow.encoder["layer"][:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "minilm_network", lambda: copy.deepcopy(shallow))
        yield


@pytest.fixture(scope="package")
def fer2013(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_part(folder / "fer2013" / "train.npz", 84, 0)
    write_part(folder / "fer2013" / "public_test.npz", 28, 1)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Files laid out as the published ones are, with random weights; inside, the training takes them for these."""
    folder = tmp_path_factory.mktemp("models")
    write_faceres(folder / "faceres.bin", np.random.default_rng(0))
    write_recognition(folder, np.random.default_rng(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMER_MODELS", str(folder))
        for name, start in STARTS.items():
            files = tuple(replace(f, sha256=sha256_of(folder / f.name), size=(folder / f.name).stat().st_size) for f in start.files)
            patch.setitem(STARTS, name, replace(start, files=files))
        yield folder
