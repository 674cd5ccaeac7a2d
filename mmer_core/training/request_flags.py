"""A training request as flags of `mmer train`, and back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from mmer_core import options as option_text
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.json_files import read_json
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.json_values import checked_fields
from mmer_core.training.request_fields import DEFAULT_PRESET, RequestFields

FOLD_KINDS = ("group", "official", "leave-one-out", "random")
_SWITCHES = ("speaker_normalise", "transcribe", "one_by_one")
_WHAT = ("fusion", "encoders", "views", "damaged", "speaker_normalise", "transcribe")
_WHERE = ("out", "name", "store", "device")
TRAINING_FIELDS = {f.name for f in fields(TrainingConfig)}
PLAN_FIELDS = {f.name for f in fields(FoldPlan)} - {"kind", "folds"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `mmer train`; those that are not given stay out of the namespace's values (None)."""
    parser.add_argument(
        "--request", type=Path, metavar="FILE", help="training request as JSON; other flags change it"
    )
    what = parser.add_argument_group("what")
    explained = option_text.attribute_help(RequestFields)
    what.add_argument("--manifest", metavar="M", help=explained["corpus"])
    _add_repeatable(what, "--corpus-option", "NAME=VALUE", "option of the corpus's reader, such as classes=4")
    what.add_argument(
        "--fusion", metavar="NAMES", help=f"{explained['fusion']} Joined by commas (default: early)"
    )
    what.add_argument(
        "--encoders",
        metavar="M=E,...",
        help="features of each modality: an encoder, or given for those of the corpus (default: all given)",
    )
    _add_repeatable(what, "--option", "NAME=VALUE", "option of the fusion networks, such as pooling=max")
    for name in _WHAT[2:]:
        _add_field(what, name)
    where = parser.add_argument_group("where")
    for name in _WHERE:
        _add_field(where, name)
    cut = parser.add_argument_group("folds")
    cut.add_argument(
        "--folds",
        metavar="N|FILE",
        help="number of folds, or a file that gives them: CSV id,fold or JSON (default: 5)",
    )
    option_text.add_flags(cut, FoldPlan, leave_out=("kind", "folds"))
    cut.add_argument(
        "--folds-kind",
        choices=FOLD_KINDS,
        help="group (default), official, leave-one-out, or random, which leaks",
    )
    train = parser.add_argument_group("training")
    train.add_argument("--preset", choices=PRESETS, help=f"{explained['preset']} (default: {DEFAULT_PRESET})")
    option_text.add_flags(train, TrainingConfig)
    _add_repeatable(
        train, "--search", "NAME=V|V", "values to try in each fold, judged on its validation part"
    )
    for name in ("trials", "one_by_one"):
        _add_field(train, name)


def _add_repeatable(group: argparse._ArgumentGroup, flag: str, metavar: str, text: str) -> None:
    group.add_argument(flag, action="append", metavar=metavar, help=f"{text}; repeatable")


def _add_field(group: argparse._ArgumentGroup, name: str) -> None:
    """One field of `TrainRequest` that is a plain value."""
    if name in _SWITCHES:
        text = option_text.attribute_help(RequestFields)[name]
        group.add_argument(f"--{_dashed(name)}", dest=name, action="store_true", default=None, help=text)
        return
    others = {f.name for f in fields(RequestFields)} - {name}
    option_text.add_flags(group, RequestFields, leave_out=others)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def json_of_flags(flags: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object of a request from the flags of `mmer train`.

    Raises:
        ValueError: an unknown flag or a wrong value.
    """
    return json_of(_parser().parse_args(list(flags)))


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    add_arguments(parser)
    return parser


def json_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the JSON object of a request from parsed flags, laid over the file that --request names.

    Raises:
        ValueError: a file that cannot be read, or text that no option takes.
    """
    found = _read(args.request) if args.request else {}
    if args.manifest is not None:
        found["corpus"] = args.manifest
    if args.fusion is not None:
        found["fusion"] = _names(args.fusion)
    if args.encoders is not None:
        found["encoders"] = _encoders(args.encoders)
    for name in (*_WHAT[2:], *_WHERE, "trials", "one_by_one"):
        if getattr(args, name) is not None:
            found[name] = getattr(args, name)
    _put_training(found, args)
    _put_folds(found, args)
    _put_options(found, args)
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        found = read_json(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as a training request: {error}") from error
    checked_fields(RequestFields, found, "the training request")
    return dict(found)


def _put_training(found: dict[str, Any], args: argparse.Namespace) -> None:
    if args.preset is not None:
        found["preset"] = args.preset
        found.pop("training", None)  # another preset starts anew
    changed = option_text.given(args, TrainingConfig)
    if changed:
        found["training"] = {**found.get("training", {}), **changed}


def _put_folds(found: dict[str, Any], args: argparse.Namespace) -> None:
    plan = {
        **found.get("plan", {}),
        **{k: getattr(args, k) for k in PLAN_FIELDS if getattr(args, k) is not None},
    }
    if args.folds is not None and not args.folds.strip().isdigit():
        found["folds_file"] = args.folds
        plan |= {"kind": "given"}
    elif args.folds is not None:
        found.pop("folds_file", None)
        plan |= {"folds": int(args.folds)} | ({"kind": "group"} if plan.get("kind") == "given" else {})
    if args.folds_kind is not None:
        plan["kind"] = args.folds_kind
    if plan:
        found["plan"] = plan


def _put_options(found: dict[str, Any], args: argparse.Namespace) -> None:
    """Options arrive as text; the networks and the corpus's reader say which types they are."""
    if args.corpus_option:
        from mmer_core import corpora

        given = corpora.parse_options(found.get("corpus", ""), args.corpus_option)
        found["corpus_options"] = {**found.get("corpus_options", {}), **given}
    if not (args.option or args.search):
        return
    kinds = option_kinds(found.get("fusion", ("early",)))
    for pair in args.option or ():
        kind = _kind_with(kinds, _key(pair))
        found["options"] = {**found.get("options", {}), **option_text.parse_pairs(kind, [pair])}
    for pair in args.search or ():
        kind = _kind_with({**kinds, "training": TrainingConfig}, _key(pair), list(kinds))
        found["search"] = {**found.get("search", {}), _key(pair): _values(kind, pair)}


def option_kinds(names: Iterable[str]) -> dict[str, type]:
    """Return {fusion network: its dataclass of options}.

    Raises:
        ValueError: no such network.
    """
    from mmer_core import fusion

    return {name: fusion.factory(name).Options for name in names}  # type: ignore[attr-defined]


def _kind_with(kinds: Mapping[str, type], name: str, named: Sequence[str] = ()) -> type:
    """The first of the dataclasses that has a field of this name."""
    for kind in kinds.values():
        if name in {f.name for f in fields(kind)}:
            return kind
    raise ValueError(f"none of {', '.join(named or kinds)} has an option {name!r}: see --list-options")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _encoders(text: str) -> dict[str, str]:
    """{modality: encoder} from "text=minilm,audio=mel_cnn"."""
    pairs = [part.partition("=") for part in _names(text)]
    broken = [name for name, _, encoder in pairs if not encoder.strip()]
    if broken:
        raise ValueError(
            f"--encoders {broken[0]!r} names no encoder: write for example text=minilm,audio=given"
        )
    return {name.strip(): encoder.strip() for name, _, encoder in pairs}


def _key(pair: str) -> str:
    return pair.partition("=")[0].strip().replace("-", "_")


def _values(kind: type, pair: str) -> list[Any]:
    """The values of one --search, split at | or, where no value is itself a list, at commas."""
    text = pair.partition("=")[2]
    single = "|" in text or isinstance(option_text.parse_value(kind, _key(pair), text.split(",")[0]), tuple)
    return [option_text.parse_value(kind, _key(pair), part) for part in text.split("|" if single else ",")]


def flags_of(request: RequestFields) -> list[str]:
    """Return the flags that make this request; what has its default is left out."""
    unset = type(request)(request.corpus)
    found = [("manifest", request.corpus), ("fusion", ",".join(request.fusion))]
    found += [("corpus-option", f"{k}={option_text.text_of(v)}") for k, v in request.corpus_options.items()]
    if request.encoders:
        found.append(("encoders", ",".join(f"{m}={e}" for m, e in request.encoders.items())))
    found.append(("folds", request.folds_file or str(request.plan.folds)))
    if request.plan.kind not in ("group", "given"):
        found.append(("folds-kind", request.plan.kind))
    found += _changed(request.plan, unset.plan, PLAN_FIELDS)
    if request.preset != unset.preset:
        found.append(("preset", request.preset))
    found += _changed(request.training, PRESETS[request.preset].config(), TRAINING_FIELDS)
    found += [("option", f"{k}={option_text.text_of(v)}") for k, v in request.options.items()]
    found += [("search", f"{k}={'|'.join(map(option_text.text_of, v))}") for k, v in request.search.items()]
    plain = [name for name in (*_WHAT[2:], *_WHERE, "trials", "one_by_one") if name not in _SWITCHES]
    found += _changed(request, unset, plain)
    # a value that begins with a hyphen would be taken for a flag
    flags = [
        part
        for name, value in found
        for part in ((f"--{name}={value}",) if value.startswith("-") else (f"--{name}", value))
    ]
    return flags + [f"--{_dashed(name)}" for name in _SWITCHES if getattr(request, name)]


def _changed(value: Any, default: Any, names: Iterable[str]) -> list[tuple[str, str]]:
    """(flag, text) of the fields in which two dataclasses differ, in the order of the class."""
    wanted = set(names)
    return [
        (_dashed(f.name), option_text.text_of(getattr(value, f.name)))
        for f in fields(value)
        if f.name in wanted and getattr(value, f.name) != getattr(default, f.name)
    ]


def _dashed(name: str) -> str:
    return name.replace("_", "-")
