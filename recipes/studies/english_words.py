"""The words that people use in English, slang among them, from the training part of GoEmotions:
`python -m recipes.studies.english_words --data DIR` writes `mmer_core/media/english_words.txt`.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

from mmer_core.media.language import ENGLISH_WORDS, words_of

FEWEST = 3  # comments that have the word
HEAD = """\
# Words of at least three comments of the training part of GoEmotions (Demszky et al. 2020, Apache-2.0),
# as people write them: python -m recipes.studies.english_words --data DIR
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds goemotions/train.tsv")
    options = parser.parse_args()
    with (options.data / "goemotions" / "train.tsv").open(encoding="utf-8", newline="") as file:
        comments = [row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    words = frequent(comments)
    ENGLISH_WORDS.write_text(HEAD + "".join(f"{word}\n" for word in words), encoding="utf-8")
    print(f"{len(words)} words of {len(comments)} comments")


def frequent(comments: list[str]) -> list[str]:
    """The words in plain letters that at least `FEWEST` comments have, sorted."""
    counts = Counter(word for comment in comments for word in set(words_of(comment)) if word.isascii())
    return sorted(word for word, count in counts.items() if count >= FEWEST)


if __name__ == "__main__":
    main()
