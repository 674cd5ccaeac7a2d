"""The model card (README.md beside the weights), written from the record alone so that it cannot drift from
the figures.

What a record's `card` may hold, all of it optional:
    limits: [sentence]
    data: {modality: [{name, n, licence}]}
    figures: {name: nested figures}, by a modality, "fused", "cross_validation", "out_of_distribution" or any
        other name; {"what": where it was scored, "subsets": {subset: {n, accuracy, ua, ...}}} becomes a table
    tried: {modality: [{recipe, figure: value}]}, and measures: {modality: what those figures are}
    strangers: {modality: {corpus: {n, ua, accuracy, confidence, ece, cross_entropy, ...}, "mean": ...}} of
        corpora that were left out of training whole
    baseline: {modality: {what was known of the speaker: the means of these scores}}
    fusion: {weights: {subset: {modality: w}}, priors: {modality: {label: p}}}
    training: the request that it was trained by
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmer_core.inference.markdown import bullets, table
from mmer_core.labels import MODALITY_TITLES, Modality

AGAINST = "gain over the default model"  # a key of the large model's figures for words
PROHIBITED = (
    "inferring emotions of people at work or in education: prohibited in the European Union (AI "
    "Act, Article 5(1)(f)), but for medicine and safety",
    "decisions about a person: hiring, grading, policing, border control, insurance, credit, health",
    "watching people who have not been told: the AI Act, Article 50(3), obliges whoever uses such a "
    "system to inform the people exposed to it",
)
_SCORES = {
    "n": "n",
    "accuracy": "accuracy",
    "ua": "UA",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "ece": "ECE",
}
_STRANGERS = {
    "ua": "UA",
    "accuracy": "accuracy",
    "confidence": "confidence",
    "ece": "ECE",
    "cross_entropy": "cross-entropy",
}
_WITH_SECTIONS = ("fused", "out_of_distribution")  # figures that have a section of their own


def write_card(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write `folder/README.md` from a model's record; returns its path."""
    card = record.get("card", {})
    labels = ", ".join(record["labels"])
    sections = {
        "": [
            f"# {record['name']} {record['version']}",
            f"Emotion in a clip from {_listed(list(record['modalities']))}: {len(record['labels'])} classes, "
            f"{labels}.",
            *([f"**Licence:** {record['licence']}."] if record.get("licence") else []),
        ],
        "Needs": _needs(record),
        "Strangers": _strangers(card),
        "Modalities": [text for name in record["modalities"] for text in _modality(name, record)],
        "Recipes that were tried": [text for name in card.get("tried", {}) for text in _tried(name, card)],
        "Fusion": _fusion(record),
        "Figures": _other_figures(record),
        "Unusual inputs": _out_of_distribution(card),
        "Limits": [bullets(card["limits"])] if card.get("limits") else [],
        "Not for": [bullets(PROHIBITED)],
        "Training": _training(card),
        "Files": [table(("file", "sha256"), [(f, f"`{d}`") for f, d in record.get("files", {}).items()])],
    }
    parts = [
        text
        for title, texts in sections.items()
        for text in ([f"## {title}", *texts] if title and texts else texts)
    ]
    path = folder / "README.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _needs(record: Mapping[str, Any]) -> list[str]:
    """Files of another model, and published weights, that the model takes from elsewhere."""
    lines = (
        [f"files that are not in this folder come from `../{record['base']['folder']}`"]
        if "base" in record
        else []
    )
    lines += record.get("needs", ())
    return [bullets(lines)] if lines else []


def _strangers(card: Mapping[str, Any]) -> list[str]:
    """Scores on corpora that were left out of training, and what a speaker's baseline is worth there."""
    if not card.get("strangers"):
        return []
    texts = [
        "The figures to expect: each corpus was left out of training whole and read by a model that learned "
        "from the others, one clip at a time, at a temperature fitted on the others. Confidence is the mean "
        "probability of the answers; accuracy should equal it.",
        table(
            ("", "corpus left out", "n", *_STRANGERS.values()),
            [
                (MODALITY_TITLES[Modality(name)], corpus, f"{row.get('n', '')}", *_stranger_scores(row))
                for name, corpora in card["strangers"].items()
                for corpus, row in corpora.items()
            ],
        ),
    ]
    for name, known in card.get("baseline", {}).items():
        texts += [
            f"{MODALITY_TITLES[Modality(name)]}: the same, mean over the corpora, by what is known of the "
            "speaker: nothing; up to three of their neutral clips (ordinary); all their clips, unlabelled.",
            table(
                ("known", *_STRANGERS.values()),
                [(what.replace("_", " "), *_stranger_scores(row)) for what, row in known.items()],
            ),
        ]
    return texts


def _stranger_scores(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{row[key]:.3f}" for key in _STRANGERS)


def _modality(name: str, record: Mapping[str, Any]) -> list[str]:
    """Encoder, training data and figures of one modality."""
    entry, card = record["modalities"][name], record.get("card", {})
    if "fingerprint" in entry:
        options = ", ".join(f"{k} = {v}" for k, v in entry.get("options", {}).items())
        said = f"encoder `{entry['encoder']}`" + (f" ({options})" if options else "")
    else:
        said = f"features that came with the corpus{_source(entry)}"
    texts = [f"### {MODALITY_TITLES[Modality(name)]} (`{name}`): {said}"]
    if sources := card.get("data", {}).get(name):
        rows = [(d["name"], f"{d['n']:,}", d["licence"]) for d in sources]
        texts.append(table(("training data", "utterances", "licence"), rows))
    if figures := card.get("figures", {}).get(name):
        texts += _figures(figures)
    return texts


def _source(entry: Mapping[str, Any]) -> str:
    return f" ({entry['source']})" if entry.get("source") else ""


def _tried(name: str, card: Mapping[str, Any]) -> list[str]:
    """A table of recipes, one of which was chosen."""
    rows: Sequence[Mapping[str, Any]] = card["tried"][name]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [
        tuple(
            str(row["recipe"]) if key == "recipe" else _number(row[key]) if key in row else ""
            for key in columns
        )
        for row in rows
    ]
    about = f"{MODALITY_TITLES[Modality(name)]}: {card.get('measures', {}).get(name, '')}".rstrip(": ")
    return [about, table(tuple(key.replace("_", " ") for key in columns), cells)]


def _fusion(record: Mapping[str, Any]) -> list[str]:
    card, calibration = record.get("card", {}), record["calibration"]
    options = ", ".join(f"{k} = {v}" for k, v in record["fusion"]["options"].items() if k != "heads")
    texts = [f"Network `{record['fusion']['name']}`" + (f" ({options})." if options else ".")]
    if fused := card.get("figures", {}).get("fused"):
        texts += _figures(fused)
    if calibration["unsure_below"]:
        texts.append(
            f"An answer below {calibration['unsure_below']:.2f} is called unsure: "
            f"{100 * calibration['coverage']:.0f} % of the held-out answers reach that."
        )
    more = card.get("fusion", {})
    if weights := more.get("weights"):
        rows: list[tuple[str, ...]] = [
            (name, ", ".join(f"{m} {w:.2f}" for m, w in row.items())) for name, row in weights.items()
        ]
        texts += ["Weights of the modalities in each subset:", table(("subset", "weights"), rows)]
    if priors := more.get("priors"):
        rows = [
            (MODALITY_TITLES[Modality(m)], *(f"{p:.3f}" for p in row.values())) for m, row in priors.items()
        ]
        texts += [
            "Class frequencies under which each modality answers:",
            table(("", *record["labels"]), rows),
        ]
    return texts


def _subset_table(subsets: Mapping[str, Mapping[str, Any]]) -> str:
    """Scores of each subset, with the effect of an unsure threshold that was found on other utterances."""
    first = next(iter(subsets.values()))
    known = {key: title for key, title in _SCORES.items() if key in first}
    header = ["subset", *known.values()] + ["answered plainly", "wrong among them"] * ("unsure" in first)
    rows = []
    for name, row in subsets.items():
        cells = [f"{row[k]:,}" if k == "n" else f"{row[k]:.3f}" for k in known]
        cells += [f"{100 * row['unsure'][k]:.0f} %" for k in ("coverage", "risk") if "unsure" in row]
        rows.append((name, *cells))
    return table(tuple(header), rows)


def _other_figures(record: Mapping[str, Any]) -> list[str]:
    """Figures that belong to no modality and have no section of their own."""
    texts = []
    for name, figures in record.get("card", {}).get("figures", {}).items():
        if name not in record["modalities"] and name not in _WITH_SECTIONS:
            texts += [f"### {name.replace('_', ' ').capitalize()}", *_figures(figures)]
    return texts


def _figures(figures: Any) -> list[str]:
    """One table of figures, after a sentence where they are scores of subsets."""
    if not isinstance(figures, Mapping):
        return [_number(figures)]
    if subsets := figures.get("subsets"):
        said = (
            [f"Every subset of the modalities, scored on {figures['what']}."] if figures.get("what") else []
        )
        return [*said, _subset_table(subsets)]
    return [table(("figure", "value"), [(name, _number(value)) for name, value in _flat(figures)])]


def _out_of_distribution(card: Mapping[str, Any]) -> list[str]:
    texts = []
    rows = [
        (MODALITY_TITLES[Modality(name)], what, f"{row['n']:,}", f"{100 * row['flagged']:.1f} %")
        for name, groups in card.get("figures", {}).get("out_of_distribution", {}).items()
        for what, row in groups.items()
    ]
    if rows:
        texts.append(
            "An input whose features lie farther from the training data than nearly all held-out inputs "
            "gets a warning. How often that happens:"
        )
        texts.append(table(("", "inputs", "n", "warned of"), rows))
    return texts


def _training(card: Mapping[str, Any]) -> list[str]:
    if not card.get("training"):
        return []
    return [f"```json\n{json.dumps(card['training'], indent=2, ensure_ascii=False)}\n```"]


def _flat(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested figures as ("dev / accuracy", value) rows."""
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        title = f"{prefix}{str(name).replace('_', ' ')}"
        rows += _flat(value, f"{title} / ") if isinstance(value, Mapping) else [(title, value)]
    return rows


def _listed(names: Sequence[str]) -> str:
    """ "words, voice and face" """
    titles = [MODALITY_TITLES[Modality(name)].lower() for name in names]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
