"""A model's card as Markdown tables and lists for the About page: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmer_core.inference.card import AGAINST
from mmer_core.labels import EMOTIONS, LABEL_ALIASES, MODALITY_TITLES, Modality, parse_subset
from ui.figure import gain, score
from ui.text import plain, unlinked
from ui.theme import emotion_symbol

_NAMES = {
    "emodb": "EMO-DB",
    "ravdess": "RAVDESS",
    "tess": "TESS",
    "ased": "ASED (Amharic)",
    "nemo": "nEMO (Polish)",
    "polish words": "single Polish words",
    "xed": "XED, film subtitles",
    "semeval2018": "SemEval-2018, tweets",
    "tweeteval": "TweetEval, tweets",
    "emotion stimulus": "Emotion-Stimulus, sentences",
    "photographs": "press photographs",
    "own clips": "all own clips known",
    "ordinary": "ordinary voice known",
    "cross validation": "cross-validation by speaker",
    "held out": "held-out part",
    "unseen corpora": "corpora left out of training",
    "public test": "FER2013 public test",
}
#: Where the large model's gains were measured.
_GAINS = {
    "alone": "MELD, development part, sentences alone",
    "in dialogue": "MELD, development part, with the turns before them",
    "comments": "GoEmotions, test part",
}
_NO_LICENCE = "licence not stated"
_SCORES = {
    "accuracy": "Accuracy",
    "ua": "UA",
    "weighted_f1": "F1",
}  # in per cent; explained beside the tables


def data_list(card: Mapping[str, Any]) -> str:
    """The training corpora of each modality with size and licence, as a list that fits a phone."""
    return "\n".join(
        line
        for m in Modality
        if m in card.get("data", {})
        for line in (
            f"- **{MODALITY_TITLES[m]}**",
            *(
                f"  - {plain(d['name'])}: {_count(d.get('n'))}; {plain(d.get('licence') or _NO_LICENCE)}"
                for d in card["data"][m]
            ),
        )
    )


def part_table(card: Mapping[str, Any]) -> str:
    """The main scores of each modality alone; variations of a measurement are left to the model card."""
    rows = [
        (f"**{MODALITY_TITLES[m]}**", f"{path} (n = {row['n']:,})", *_scores(row))
        for m in Modality
        for path, row in _main_scores(figures_of(card).get(m) or {})
    ]
    return table(("Alone", "Measured on", *_SCORES.values()), rows)


def fused_table(card: Mapping[str, Any]) -> str:
    """Scores of every subset of the modalities, with intervals where they are known."""
    rows = [
        (" + ".join(MODALITY_TITLES[m] for m in parse_subset(name)), *_scores(row))
        for name, row in subset_figures(card).items()
    ]
    return table(("From", *_SCORES.values()), rows)


def gain_table(card: Mapping[str, Any]) -> str:
    """The gains of the large model's words over the default one's, with intervals."""
    gains = figures_of(card)[Modality.TEXT][AGAINST]
    rows = [
        (_GAINS.get(way, way), gain(row["weighted_f1"], row["low"], row["high"]), f"{row['p']:.3f}")
        for way, row in gains.items()
    ]
    return table(("Words", "F1 over the default model, with its 95 % interval", "p"), rows)


def figures_of(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of a card; {} where it has none."""
    return card.get("figures") or {}


def subset_figures(card: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """{subset: scores} of the fused answer: cross-validated, or of a shipped model on held-out draws."""
    figures = figures_of(card)
    return (figures.get("cross_validation") or figures.get("fused") or {}).get("subsets") or {}


def _main_scores(
    figures: Mapping[str, Any], path: tuple[str, ...] = ()
) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows that hold all scores, with where they stand in words; of several beside one another the first,
    which the others vary.
    """
    rows: list[tuple[str, Mapping[str, Any]]] = []
    found = False
    for name, value in figures.items():
        if not isinstance(value, Mapping):
            continue
        here = (*path, in_words(name))
        if set(_SCORES) <= set(value):
            rows += [] if found else [(", ".join(here), value)]
            found = True
        else:
            rows += _main_scores(value, here)
    return rows


def in_words(name: str) -> str:
    """A key of the figures in words: "cross_validation" -> "cross-validation by speaker"."""
    words = name.replace("_", " ")
    return _NAMES.get(words, words)


def _scores(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The main scores in per cent, with their intervals where these are known."""
    ends = row.get("intervals", {})
    return tuple(score((row[key], *ends.get(key, (None, None)))) for key in _SCORES)


def _count(n: Any) -> str:
    return f"{n:,}" if isinstance(n, int) else "–"


def label_table() -> str:
    """The emotions with the corpus labels that stand for them."""
    rows = []
    for emotion in EMOTIONS:
        aliases = sorted(alias for alias, target in LABEL_ALIASES.items() if target == emotion)
        rows.append((f"{emotion_symbol(emotion)} **{emotion}**", ", ".join(aliases)))
    return table(("Emotion", "Also called"), rows)


def card_body(card: str) -> str:
    """The model card without its own title, its headings one level lower: it stands in a section. It may have
    come with a model from anywhere, so nothing in it is linked or loaded.
    """
    lines = card.splitlines()
    kept = lines[1:] if lines and lines[0].startswith("# ") else lines
    return unlinked("\n".join(f"#{line}" if line.startswith("#") else line for line in kept))


def table(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; a bar in a cell is escaped, and nothing in it is linked or loaded."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    cells = [[unlinked(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in cells])
