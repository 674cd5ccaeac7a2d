"""How well English is told from other languages: `python benchmarks/language.py DIR [--count N]`.

DIR holds corpora as docs/evidence.md names them. For speech, clips of RAVDESS and TESS (English) and of
EMO-DB, ASED, nEMO and single Polish words are transcribed; for text, utterances of MELD and GoEmotions and
film subtitles of XED. Printed is the share that is read as English, and the time for each.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmer_core.media.language import foreign
from mmer_core.media.loading import load_clip
from mmer_core.media.speech import transcribe

SPEECH = {
    "RAVDESS, English": "ravdess/audio/*",
    "TESS, English": "tess/**/*.*",
    "EMO-DB, German": "emodb/**/*.flac",
    "ASED, Amharic": "voices/ased_amharic/**/*.ogg",
    "nEMO, Polish": "voices/nemo_polish/**/*.ogg",
    "single words, Polish": "voices/polish_words/**/*.ogg",
}
TEXTS = {
    "MELD, English": ("meld/train_sent_emo.csv", ",", "Utterance"),
    "GoEmotions, English": ("goemotions/dev.tsv", "\t", 0),
    "XED, Finnish": ("texts/xed/fi.tsv", "\t", "text"),
    "XED, 18 languages": ("texts/xed/projections_20_languages.tsv", "\t", "text"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of corpora")
    parser.add_argument("--count", type=int, default=300, help="clips of each corpus (default: 300)")
    options = parser.parse_args()
    print("speech: with words that sound English")
    for name, pattern in SPEECH.items():
        files = sorted(path for path in options.data.glob(pattern) if path.is_file())
        chosen = random.Random(0).sample(files, min(options.count, len(files)))
        show(name, chosen, lambda path: bool(transcribe(load_clip(path).waveform).text))
    print("text of four words and more, and of one to three: read as English")
    for name, (file, separator, column) in TEXTS.items():
        header: Any = None if column == 0 else 0
        quoting = 0 if separator == "," else 3
        table = pd.read_csv(options.data / file, sep=separator, header=header, quoting=quoting)
        texts = [text for text in table[column].astype(str) if re.search(r"[^\W\d_]", text)][:4000]
        long = [len(re.findall(r"[^\W\d_]+", text)) >= 4 for text in texts]
        for wanted, what in ((True, "four and more"), (False, "one to three")):
            some = [text for text, is_long in zip(texts, long, strict=True) if is_long is wanted]
            show(f"{name}, {what}", some, lambda text: foreign(text) is None)


def show(name: str, inputs: Sequence[Any], is_english: Callable[[Any], bool]) -> None:
    """Print the share of the inputs that are taken for English, and the time for each."""
    started = time.perf_counter()
    share = sum(map(is_english, inputs)) / max(len(inputs), 1)
    each = 1000 * (time.perf_counter() - started) / max(len(inputs), 1)
    print(f"  {name:40} {len(inputs):6} {share:7.1%} {each:8.1f} ms each", flush=True)


if __name__ == "__main__":
    main()
