"""One registry pattern for encoders, fusion networks, their heads and corpus readers.

The decorator is the only place where a name and its facts are given:

    @ENCODERS.register("loudness", modality=Modality.AUDIO, description="loudness of each 20 ms")
    class LoudnessEncoder: ...

It is found in a file of the registry's own folder, through an entry point of an installed package, or because
the file that holds it was imported. Listing names and facts imports no file of the folder: its decorators are
read as text, so their facts must be literals (or members of `Modality`).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from threading import RLock
from typing import Any, Generic, TypeVar

from mmer_core.labels import Modality

T = TypeVar("T")
E = TypeVar("E", bound="Entry")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The facts of one registered name. A registry may use a subclass with facts of its own.

    Attributes:
        name: what `create` takes.
        module: importable name of the module that defines it.
        qualname: of the class or function in that module.
        description: one phrase, for lists; the first line of the docstring where none is given.
        order: place in lists; those with the same are sorted by name.
    """

    name: str
    module: str
    qualname: str
    description: str = ""
    order: int = 100

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """Place in lists, smallest first."""
        return (self.order, self.name)


class Registry(Generic[T, E]):
    """Names to factories of T, with facts E about each.

    Args:
        kind: the word used in messages ("encoder", "fusion network").
        entry: class of the facts; `register` takes its fields as keywords.
        package: importable name of the folder whose files are searched; "" for none.
        group: entry-point group that other packages announce their modules in; "" for none.
    """

    def __init__(self, kind: str, entry: type[E], *, package: str = "", group: str = "") -> None:
        self.kind, self.entry_class, self.package, self.group = kind, entry, package, group
        self._facts = {field.name for field in fields(entry)} - {"name", "module", "qualname"}
        self._required = {field.name for field in fields(entry) if field.default is MISSING} & self._facts
        self._entries: dict[str, E] = {}
        self._factories: dict[str, Callable[..., T]] = {}
        self._problems: list[str] = []
        self._scanned = self._plugged = False
        self._scanning, self._plugging = RLock(), RLock()

    def register(self, name: str, **facts: Any) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Return a decorator that makes a class or function creatable by name.

        Args:
            name: unique in this registry.
            facts: fields of the registry's entry class.

        Raises:
            ValueError: an unknown fact, or a name that is taken.
        """

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            module = factory.__module__
            if not self._is_own(module):
                self._scan()
            self._add(name, facts, module, factory.__qualname__, inspect.getdoc(factory) or "")
            self._factories[name] = factory
            return factory

        return add

    def names(self) -> tuple[str, ...]:
        """Names of all entries, in the order of lists."""
        return tuple(entry.name for entry in self.entries())

    def entries(self) -> tuple[E, ...]:
        """Facts of all entries, in the order of lists. Plug-ins are imported, files of the folder are not."""
        self._scan()
        self._plug_in()
        return tuple(sorted(self._entries.values(), key=lambda entry: entry.sort_key))

    def entry(self, name: str) -> E:
        """Facts of one entry.

        Raises:
            ValueError: unknown name; the message lists the known ones.
        """
        for search in (partial(self._scan, only=name), self._scan, self._plug_in):
            if name not in self._entries:
                search()
        if name not in self._entries:
            raise ValueError(f"unknown {self.kind} {name!r}: choose one of {', '.join(self.names())}")
        return self._entries[name]

    def factory(self, name: str) -> Callable[..., T]:
        """The class or function behind a name; imports the file that defines it.

        Raises:
            ValueError: unknown name, or its file fails on import.
        """
        entry = self.entry(name)
        if name not in self._factories:
            try:
                module = import_module(entry.module)
            except Exception as error:  # a plug-in's file may fail with anything
                raise ValueError(
                    f"the {self.kind} {name!r} cannot be used, {entry.module} fails on import "
                    f"({_one_line(error)}): correct or remove that file"
                ) from error
            self._factories.setdefault(name, getattr(module, entry.qualname))
        return self._factories[name]

    def create(self, name: str, **options: Any) -> T:
        """Build what a name stands for; raises ValueError like `factory`."""
        return self.factory(name)(**options)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each file or plug-in that could not be read, and for each name taken twice."""
        self.entries()
        return tuple(self._problems)

    def unregister(self, name: str) -> None:
        """Forget a name, as a notebook does before it defines something else; nothing if it is not known."""
        self._entries.pop(name, None)
        self._factories.pop(name, None)

    def rescan(self) -> None:
        """Search the folder and the entry points again at the next question; what is imported stays known."""
        self._entries = {name: self._entries[name] for name in self._factories}
        self._problems = []
        self._scanned = self._plugged = False

    def _is_own(self, module: str) -> bool:
        return bool(self.package) and module.startswith(self.package + ".")

    def _add(self, name: str, facts: dict[str, Any], module: str, qualname: str, text: str) -> None:
        """Record an entry; ValueError for an unknown fact or a name that something else has taken."""
        unknown, missing = sorted(set(facts) - self._facts), sorted(self._required - set(facts))
        taken, wrong = self._entries.get(name), ""
        if unknown:
            wrong = f"with an unknown fact {unknown[0]!r}: known are {', '.join(sorted(self._facts))}"
        elif missing:
            wrong = f"without the fact {missing[0]!r}: give it"
        elif taken is not None and (taken.module, taken.qualname) != (module, qualname):
            wrong = f"twice, by {taken.module} and by {module}: rename one"
        if wrong:
            raise ValueError(f"the {self.kind} {name!r} is registered {wrong}")
        facts = {"description": _first_line(text), **facts}
        self._entries[name] = self.entry_class(name=name, module=module, qualname=qualname, **facts)

    def _scan(self, only: str | None = None) -> None:
        """Read the decorators of the folder's files, or those of the file named as `only`."""
        with self._scanning:
            if self._scanned or not self.package:
                return
            for path in _files(self.package, only):
                try:
                    for name, facts, definition in _decorators(path):
                        text = ast.get_docstring(definition) or ""
                        self._add(name, facts, f"{self.package}.{path.stem}", definition.name, text)
                except (SyntaxError, UnicodeDecodeError, ValueError) as error:
                    if only is None:
                        self._problems.append(f"{path.name} gives no {self.kind} ({_one_line(error)})")
            self._scanned = only is None

    def _plug_in(self) -> None:
        """Import what other packages announce."""
        with self._plugging:
            if self._plugged or not self.group:
                return
            self._plugged = True  # before the imports: a plug-in may list the registry itself
            for point in entry_points(group=self.group):
                try:
                    point.load()
                except Exception as error:  # noqa: BLE001 - a plug-in may fail with anything
                    origin = f"{point.value} of {point.dist.name}" if point.dist else point.value
                    self._problems.append(
                        f"the plug-in {origin} fails on import ({_one_line(error)}): correct or uninstall it"
                    )


def _files(package: str, only: str | None) -> Iterator[Path]:
    """Modules of a package's folder by name, or the one named `only` if it exists."""
    for folder in map(Path, import_module(package).__path__):
        if only is None:
            yield from sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
        elif only.isidentifier() and (folder / f"{only}.py").is_file():
            yield folder / f"{only}.py"


def _decorators(path: Path) -> Iterator[tuple[str, dict[str, Any], ast.ClassDef | ast.FunctionDef]]:
    """(name, facts, definition) of each `@….register("name", …)` at the top level of a file; ValueError for a
    fact that is no literal.
    """
    for definition in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(definition, ast.ClassDef | ast.FunctionDef):
            continue
        for call in definition.decorator_list:
            match call:
                case ast.Call(ast.Attribute(attr="register"), [ast.Constant(name)], keywords):
                    yield str(name), {k.arg or "**": _literal(k) for k in keywords}, definition


def _literal(keyword: ast.keyword) -> Any:
    value = keyword.value
    try:
        if isinstance(value, ast.Attribute) and ast.unparse(value.value).split(".")[-1] == "Modality":
            return Modality[value.attr]
        return ast.literal_eval(value)
    except (ValueError, KeyError):
        name = keyword.arg or "**" + ast.unparse(value)
        raise ValueError(f"line {value.lineno}: the fact {name} must be a literal") from None


def _first_line(text: str) -> str:
    """The first line of a docstring without its full stop."""
    return text.strip().partition("\n")[0].rstrip(".")


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
