"""MELD and GoEmotions of a few dozen utterances, laid out like the real ones."""

import pandas as pd
import pytest

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
    lines = [f'{PHRASES[e][0]} "quoted\t{GOEMOTIONS_LABELS.index(e)}\tid{i}' for i, e in enumerate(EMOTIONS)]
    (folder / "goemotions" / "train.tsv").write_text("\n".join([*lines, "two at once\t0,3\tidx"]) + "\n", encoding="utf-8")
    (folder / "goemotions" / "labels.txt").write_text("\n".join(GOEMOTIONS_LABELS), encoding="utf-8")
    return folder
