"""The model card (README.md beside the weights), written from the record alone so that it can't drift from the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmer_core.labels import MODALITY_TITLES, Modality

LIMITS = (
    "It reads how an emotion is shown, mostly by actors or in scripted scenes; it does not know what a person feels.",
    "The voice network knows acted speech only: it over-reads the raised voice of real public speaking (anger, fear) and calm reading (disgust).",
    "It recognises far less in a corpus that it has not heard, and your recordings are such: its answers are softened for that.",
    "Words are English: in other languages the transcript and its reading are unreliable. Voices were German and North American English.",
    "Faces were collected from the web with noisy labels; a person agrees with those labels about two times in three.",
    "The three corpora show different people: how words, voice and face of one person depend on each other was not in the training data.",
    "Figures differ between people and recording conditions; do not rely on them for one person.",
)
_MEASURES = {
    Modality.TEXT: "weighted F1, before the class frequencies are weighed, on dialogues held out of MELD's training part and on comments of "
    "GoEmotions' development part (read as if emotions were as frequent as there), which chose, and on MELD's development part, which did not; bare "
    "is without punctuation. Cross-entropy is at the best temperature; the held-out one chose the share of the phrases.",
    Modality.AUDIO: "UA on held-out speakers.",
    Modality.VISUAL: "accuracy before the class frequencies are weighed, and cross-entropy at the best temperature; the held-out one chose.",
}
AGAINST = "gain over the default model"  # a key of the large model's figures for words
PROHIBITED = (
    "inferring emotions of people at work or in education: prohibited in the European Union (AI Act, Article 5(1)(f)), but for medicine and safety",
    "decisions about a person: hiring, grading, policing, border control, insurance, credit, health",
    "watching people who have not been told: the AI Act, Article 50(3), obliges whoever uses such a system to inform the people exposed to it",
)


def write_card(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write `folder/README.md` from a checkpoint's record; returns its path."""
    parts = [
        f"# {record['name']} {record['version']}",
        "Emotion in a clip from words, voice and face: seven classes, " + ", ".join(record["labels"]) + ".",
        f"**Licence:** {record['licence']}.",
        *_builds_on(record),
        "## Parts",
        *(_part(Modality(name), entry, record["figures"][name]) for name, entry in record["modalities"].items()),
        "## What was tried",
        *(_tried(Modality(name), rows) for name, rows in record.get("tried", {}).items()),
        "## Fusion",
        _fusion(record),
        "## Knowing when not to know",
        _familiarity(record["figures"]["familiarity"]),
        *_caution(record),
        "## Limits",
        _bullets(LIMITS),
        "## Not for",
        _bullets(PROHIBITED),
        "## Files",
        _table(("file", "sha256"), [(name, f"`{digest}`") for name, digest in record["files"].items()]),
    ]
    path = folder / "README.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _builds_on(record: Mapping[str, Any]) -> list[str]:
    """What it takes from elsewhere: files of another checkpoint, and published weights."""
    lines = [f"- files that are not in this folder come from `../{record['base']['folder']}`"] if "base" in record else []
    lines += [f"- {how_to_get}" for how_to_get in record.get("needs", ())]
    return ["## Needs", "\n".join(lines)] if lines else []


def _part(modality: Modality, entry: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    sources = _table(("training data", "utterances", "licence"), [(d["name"], f"{d['n']:,}", d["licence"]) for d in entry["data"]])
    rows = [(name, _number(value)) for name, value in _flat(figures)]
    return "\n\n".join(
        (
            f"### {MODALITY_TITLES[modality]} (`{modality}`): encoder `{entry['encoder']}`, seed {entry['seed']}",
            sources,
            _table(("figure", "value"), rows),
        )
    )


def _tried(modality: Modality, rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of recipes; held-out training data chose among them."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [tuple(str(row["recipe"]) if key == "recipe" else _number(row[key]) if key in row else "" for key in columns) for row in rows]
    return f"{MODALITY_TITLES[modality]}: {_MEASURES[modality]}\n\n" + _table(tuple(key.replace("_", " ") for key in columns), cells)


def _fusion(record: Mapping[str, Any]) -> str:
    fused = record["figures"]["fused"]
    header = ("subset", "n", "accuracy", "UA", "macro F1", "weighted F1", "ECE", "answered plainly", "wrong among them")
    rows = [
        (
            name,
            f"{row['n']:,}",
            *(f"{row[k]:.3f}" for k in ("accuracy", "ua", "macro_f1", "weighted_f1", "ece")),
            *(f"{100 * row['unsure'][k]:.0f} %" for k in ("coverage", "risk")),
        )
        for name, row in fused["subsets"].items()
    ]
    priors = [(MODALITY_TITLES[Modality(m)], *(f"{p:.3f}" for p in prior.values())) for m, prior in record["fusion"]["answer_priors"].items()]
    weights = [(name, ", ".join(f"{m} {w:.2f}" for m, w in row.items())) for name, row in record["fusion"]["weights"].items()]
    return "\n\n".join(
        (
            f"{record['fusion']['model'].capitalize()}, every subset of the modalities answers. Scored on {fused['what']}.",
            _table(header, rows),
            f"An answer below {record['fusion']['unsure_below']:.2f} is called unsure: "
            f"{100 * record['fusion']['coverage']:.0f} % of the held-out answers of single modalities reach that. "
            "The last two columns say what a threshold found on other utterances does here.",
            "Weights of the experts in each subset:",
            _table(("subset", "weights"), weights),
            "How frequent each modality takes the emotions to be when it answers:",
            _table(("", *record["labels"]), priors),
        )
    )


def _familiarity(figures: Mapping[str, Any]) -> str:
    rows = [
        (MODALITY_TITLES[Modality(name)], what, f"{row['n']:,}", f"{100 * row['called unlike']:.1f} %")
        for name, groups in figures.items()
        for what, row in groups.items()
    ]
    what = "An input whose features lie farther from the training data than nearly all held-out inputs gets a warning. How often that happens:"
    return what + "\n\n" + _table(("", "inputs", "n", "warned of"), rows)


def _caution(record: Mapping[str, Any]) -> list[str]:
    """What is done about inputs that lie apart but not that far: for the modalities for which it was measured."""
    cautions = {Modality(name): value for name, value in record["fusion"].get("cautions", {}).items() if value}
    return [
        f"{MODALITY_TITLES[m]}: the expert's logits are divided by 1 + {value:.2f} for each unit of distance beyond 1, the usual one of the training "
        "data. That was fitted on unheard speakers and on corpora left out whole (`corpora not heard` above)."
        for m, value in cautions.items()
    ]


def _flat(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested figures as ("dev / accuracy", value) rows."""
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        title = f"{prefix}{str(name).replace('_', ' ')}"
        rows += _flat(value, f"{title} / ") if isinstance(value, Mapping) else [(title, value)]
    return rows


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows])
