"""Titles of runs: corpus, classes, network and modalities, and whatever else is needed to tell the runs of a
list apart, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from mmer_core.labels import MODALITY_TITLES, Modality, in_order, modalities_title

Record = Mapping[str, Any]
_Aspect = Callable[[Record], str]
#: Corpora that are a person's own: their readers' names say nothing.
_OWN = ("csv", "folder")
UPLOADED = "mmer-corpus-"  # how folders of uploaded corpora begin
BETWEEN = " · "


def corpus_title(record: Record) -> str:
    """The corpus by its name; a table or folder of one's own by that of the file."""
    name = str(record["corpus"]["name"])
    spec = str((record.get("request") or {}).get("corpus", ""))
    if name not in _OWN or not spec:
        return name
    path = PurePath(spec.removeprefix(f"{name}:"))
    return "uploaded corpus" if path.parent.name.startswith(UPLOADED) else path.stem or name


def plain_title(record: Record) -> str:
    """A run in a few words, without regard to others: "ravdess, 8 classes: early (Voice + face)"."""
    classes = len(record["labels"])
    return f"{corpus_title(record)}, {classes} classes: {record['fusion']['name']} ({_modalities(record)})"


def titles(records: Mapping[str, Record]) -> dict[str, str]:
    """{name: title} of the runs of a list, {name: run.json}; no two titles are the same.

    A run whose plain title others have too is told from them by what differs: features, search, options,
    settings, folds, at last date and name.
    """
    return _named(records, plain_title)


def labels(records: Mapping[str, Record]) -> dict[str, str]:
    """{name: label} for a few runs side by side: the network, and what differs among them."""
    wide: list[_Aspect] = [corpus_title, lambda r: f"{len(r['labels'])} classes", _modalities]
    shared = [a for a in wide if len({a(r) for r in records.values()}) > 1]
    return _named(records, partial(_label, aspects=shared))


def _named(records: Mapping[str, Record], first: _Aspect) -> dict[str, str]:
    """{name: what `first` says of the run, and what tells it from others of which it says the same}."""
    found: dict[str, str] = {}
    for text, names in _parted(records, first).items():
        for name, more in _told_apart({n: records[n] for n in names}).items():
            found[name] = BETWEEN.join([text, *more])
    return {name: found[name] for name in records}


def _label(record: Record, aspects: Sequence[_Aspect]) -> str:
    return BETWEEN.join([str(record["fusion"]["name"]), *(aspect(record) for aspect in aspects)])


def _told_apart(records: Mapping[str, Record]) -> dict[str, list[str]]:
    """{name: what has to be added to its title}: runs are parted by the first thing in which they differ, and
    so on within each part.
    """
    if len(records) < 2:
        return {name: [] for name in records}
    for aspect in _aspects(records):
        parts = _parted(records, aspect)
        if len(parts) > 1:
            found = {}
            for text, names in parts.items():
                for name, more in _told_apart({n: records[n] for n in names}).items():
                    found[name] = [text, *more] if text else more
            return found
    return {name: [name] for name in records}


def _parted(records: Mapping[str, Record], aspect: _Aspect) -> dict[str, list[str]]:
    """{text: names of the runs that have it}."""
    found: dict[str, list[str]] = {}
    for name, record in records.items():
        found.setdefault(aspect(record), []).append(name)
    return found


def _aspects(records: Mapping[str, Record]) -> Iterator[_Aspect]:
    """Everything in which runs can differ, what matters most first."""
    for modality in in_order(Modality(m) for r in records.values() for m in r["modalities"]):
        yield partial(_encoder, modality)
    yield lambda r: "settings searched" if (r.get("search") or {}).get("grid") else ""
    yield lambda r: "speaker-normalised" if r.get("speaker_normalised") else ""
    for values in (_options, _training):
        for key in sorted({k for r in records.values() for k in values(r)}):
            yield partial(_setting, values, key)
    yield lambda r: f"{r['plan'].get('folds', '?')} folds"
    yield lambda r: f"{r['plan'].get('kind', '?')} folds".replace("-", " ")
    yield lambda r: f"by {r['plan'].get('groups', '?')}"
    yield lambda r: f"seed {r.get('seed', '?')}"
    for key in ("preset", "views", "transcribe", "damaged"):
        yield partial(_setting, _request, key)
    yield lambda r: f"{r['corpus'].get('n', '?')} clips"
    yield lambda r: str(r.get("created", ""))[:10]
    yield lambda r: str(r.get("created", ""))[:16].replace("T", " ")


def _options(record: Record) -> Mapping[str, Any]:
    return record["fusion"].get("options") or {}


def _training(record: Record) -> Mapping[str, Any]:
    return record.get("training") or {}


def _request(record: Record) -> Mapping[str, Any]:
    return record.get("request") or {}


def _encoder(modality: Modality, record: Record) -> str:
    """What read a modality: "voice_frames", "given face features"; "" where it has none."""
    asked = (_request(record).get("encoders") or {}).get(modality)
    used = ((record.get("features") or {}).get(modality) or {}).get("encoder", "")
    name = str(asked or str(used).partition(",")[0])
    return f"given {MODALITY_TITLES[modality].lower()} features" if name == "given" else name


def _setting(values: Callable[[Record], Mapping[str, Any]], key: str, record: Record) -> str:
    """A setting as a person reads it: "pooling max", "hidden 256, 128"; "" where it is not set."""
    name, value = key.replace("_", " "), values(record).get(key)
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, Mapping):
        return f"other {name}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{name} {', '.join(map(str, value))}"
    return f"{name} {value}"


def _modalities(record: Record) -> str:
    """ "Voice + face"."""
    return modalities_title(Modality(m) for m in record["modalities"])
