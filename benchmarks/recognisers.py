"""How well the recognisers hear words and tell languages: `python benchmarks/recognisers.py --data DIR`.

DIR holds corpora as docs/evidence.md names them. Printed for each recogniser and corpus: word errors in %
of the words said; clips without any words; clips whose words are taken for English, and those whose
language is told rightly; the processor's time for a clip and as a share of its length; then the memory of
the process. RAVDESS and TESS say sentences that the names of the files tell, nEMO and the single words have
a table. Where espeak-ng is installed, it says sentences of MELD. The ten sentences of EMO-DB are known as
well; clips of it that are cut off have more errors than were made.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmer_core.config import threads
from mmer_core.corpora.emodb import SENTENCES
from mmer_core.media.loading import load_clip
from mmer_core.media.recogniser import RECOGNISERS, recogniser
from mmer_core.media.speech import transcribe

RAVDESS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
DRAWN = 100  # clips of each corpus


@dataclass(frozen=True)
class Said:
    """A sound file, its words ("" where they are not known), and the code of their language."""

    path: Path
    words: str
    language: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of corpora")
    parser.add_argument(
        "--count",
        type=int,
        default=DRAWN,
        help=f"clips of each corpus, at most {DRAWN}, which is the default",
    )
    parser.add_argument("--words-from", nargs="+", choices=tuple(RECOGNISERS), default=[*RECOGNISERS])
    parser.add_argument("--only", nargs="+", metavar="CORPUS", help="these corpora alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpora = {
            "RAVDESS": ravdess,
            "TESS": tess,
            "MELD, made speech": lambda data: made(data, Path(folder)),
            "EMO-DB": emo_db,
            "nEMO": lambda data: table(data / "voices/nemo_polish"),
            "Polish words": lambda data: table(data / "voices/polish_words"),
            "ASED": lambda data: table(data / "voices/ased_amharic"),
        }
        chosen = {n: c for n, c in corpora.items() if options.only is None or n in options.only}
        print(f"{threads()} thread(s)")
        for name in options.words_from:
            before = memory()
            recogniser(name)
            print(f"{RECOGNISERS[name]}: loaded with {memory() - before:.0f} MB", flush=True)
            for title, corpus in chosen.items():
                show(name, title, some(corpus, options.data, options.count))
            print(f"  {memory() - before:.0f} MB more than before it was loaded")


def some(corpus: Callable[[Path], Iterator[Said]], data: Path, count: int) -> list[Said]:
    """The first `count` clips of those drawn from a corpus, the same each time."""
    found = sorted(corpus(data), key=lambda said: said.path)
    return random.Random(0).sample(found, min(DRAWN, len(found)))[:count]


def ravdess(data: Path) -> Iterator[Said]:
    for path in data.glob("ravdess/audio/*"):
        yield Said(path, RAVDESS[path.stem.split("-")[4]], "en")


def tess(data: Path) -> Iterator[Said]:
    for path in data.glob("tess/*/*"):
        yield Said(path, f"Say the word {path.stem.split('_')[1]}", "en")


def emo_db(data: Path) -> Iterator[Said]:
    for path in data.glob("emodb/*.flac"):
        yield Said(path, SENTENCES[path.stem[2:5]], "de")


def table(folder: Path) -> Iterator[Said]:
    """The clips of a folder with labels.csv; a corpus without transcripts has no words."""
    for row in pd.read_csv(folder / "labels.csv", dtype=str).to_dict("records"):
        yield Said(folder / row["path"], row.get("text", ""), row["language"])


def made(data: Path, folder: Path) -> Iterator[Said]:
    """Sentences of MELD's development part with five words and more, as espeak-ng says them."""
    program = shutil.which("espeak-ng")
    if program is None:
        return
    texts = pd.read_csv(data / "meld/dev_sent_emo.csv")["Utterance"].astype(str)
    plain = [
        t for t in dict.fromkeys(texts) if t.isascii() and len(words_in(t)) >= 5 and not re.search(r"\d", t)
    ]
    for i, text in enumerate(random.Random(0).sample(plain, min(DRAWN, len(plain)))):
        path = folder / f"{i:03}.wav"
        if not path.exists():
            subprocess.run([program, "-v", "en-us", "-s", "150", "-w", str(path), text], check=True)
        yield Said(path, text, "en")


def show(name: str, title: str, clips: Sequence[Said]) -> None:
    """Print the figures of one recogniser on one corpus."""
    wrong = said = silent = english = right = 0
    seconds = sound = 0.0
    for clip in clips:
        waveform = load_clip(clip.path).waveform
        assert waveform is not None
        started = time.process_time()
        found = transcribe(waveform, words_from=name)
        seconds += time.process_time() - started
        sound += len(waveform) / 16_000
        true = words_in(clip.words)
        wrong += distance(true, words_in(found.text)) if true else 0
        said += len(true)
        silent += not found.text
        english += bool(found.text) and found.language in ("", "en")
        right += found.language == clip.language
    n = max(len(clips), 1)
    errors = f"{wrong / said:6.1%}" if said else "     –"
    print(
        f"  {title:18} n {len(clips):4}  word errors {errors}  no words {silent / n:6.1%}  "
        f"English {english / n:6.1%}  right language {right / n:6.1%}  "
        f"{seconds / n:.2f} s each, {seconds / max(sound, 1):.2f} of its length",
        flush=True,
    )


def words_in(text: str) -> list[str]:
    """Its words in lower case, without marks."""
    return re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("’", ""))


def distance(true: Sequence[str], found: Sequence[str]) -> int:
    """Words to be replaced, put in and left out."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(true, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def memory() -> float:
    """Megabytes of this process in use; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
