"""The house: imports point one way, without cycles; files are short and named for what they hold; importing
the package is cheap.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "mmer_core"
PACKAGES = ("mmer_core", "ui", "pages", "recipes", "benchmarks")

#: Rooms of the core. A file imports from its own room, from those before it, and from the files at the top.
ROOMS = (
    "media",
    "encoders",
    "corpora",
    "backends",
    "features",
    "uncertainty",
    "evaluation",
    "fusion",
    "training",
    "runs",
    "inference",
    "batch",
    "recordings",
    "explanation",
    "crossval",
    "service",
    "cli",
)
#: For everything outside the core, the packages of this project that it may import beside its own.
OUTSIDE = {
    "app": {"ui", "mmer_core"},
    "pages": {"ui", "mmer_core"},
    "ui": {"mmer_core"},
    "recipes": {"mmer_core"},
    "benchmarks": {"mmer_core", "ui", "recipes"},
}
FACADE = "mmer_core"  # the public API, which reaches into every room when a name of it is first used

TOP_FILES = 12
MODULE_LINES = 270  # about 250
FUNCTION_LINES = 45  # about 40, without the docstring
LONG_MODULES: dict[str, int] = {}
LONG_FUNCTIONS = {  # one literal or one schedule each, which parts would only scatter
    "recipes.face.train._report": 48,
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools", "stuff", "base_utils"}
HEAVY = {"torch", "transformers", "pandas", "cv2", "librosa", "sklearn", "scipy", "onnxruntime", "av"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    """{dotted name: file} of every module of the project, tests left out."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {module_name(path): path for path in (*files, ROOT / "app.py")}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def only_for_types(tree: ast.Module) -> set[ast.AST]:
    """Everything below `if TYPE_CHECKING:`."""
    branches = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return {below for branch in branches for statement in branch.body for below in ast.walk(statement)}


@cache
def imports_of(name: str, *, types: bool = True) -> frozenset[str]:
    """Dotted names of what a module imports, wherever in the file; modules of this project by their whole
    name. `types`: also what is imported for annotations alone.
    """
    tree, found = tree_of(sources()[name]), set()
    left_out = set() if types else only_for_types(tree)
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                whole = inner if inner in sources() else str(node.module)
                own = whole.split(".")[0] in PACKAGES
                assert not own or whole in sources(), f"{name} imports {whole}, which is not there"
                found.add(whole)
    return frozenset(found - {name})


def own_imports(name: str, *, types: bool = True) -> set[str]:
    return {other for other in imports_of(name, types=types) if other in sources()}


def room_of(name: str) -> str:
    """The room of a module of the core; "" for the files at the top. `__main__` is the command line."""
    piece = name.split(".")[1] if "." in name else ""
    return "cli" if piece == "__main__" else piece if (CORE / piece).is_dir() else ""


def told(lines: Iterable[str]) -> str:
    """One line each, for a failure."""
    return "\n" + "\n".join(sorted(lines))


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(qualified name, lines without the docstring) of every function."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            name = f"{prefix}{child.name}" if named else prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                assert child.end_lineno is not None
                docstring = len((ast.get_docstring(child, clean=False) or "").splitlines())
                yield name, child.end_lineno - child.lineno + 1 - docstring
            yield from walk(child, f"{name}." if named else prefix)

    return walk(tree, "")


def test_cycles_are_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_every_folder_of_the_core_is_a_room_in_the_order():
    folders = {path.parent.name for path in CORE.glob("*/*.py")}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_inside_the_core_imports_point_one_way(room):
    order = ("", *ROOMS)
    wrong = [
        f"{name} imports {other}"
        for name in sources()
        if name.startswith("mmer_core.") and room_of(name) == room
        for other in sorted(own_imports(name))
        if other != FACADE and order.index(room_of(other)) > order.index(room)
    ]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("package", ["mmer_core", *OUTSIDE])
def test_packages_import_only_those_below_them(package):
    allowed = OUTSIDE.get(package, set()) | {package}
    wrong = [
        f"{name} imports {other}"
        for name in sources()
        if name.split(".")[0] == package
        for other in sorted(own_imports(name))
        if other.split(".")[0] not in allowed
    ]
    assert not wrong, told(wrong)


def test_the_core_runs_without_a_screen():
    wrong = [
        f"{name} imports {other}"
        for name in sources()
        if name.split(".")[0] in ("mmer_core", "recipes")
        for other in imports_of(name)
        if other.split(".")[0] in ("streamlit", "plotly", "streamlit_webrtc", "aiortc")
    ]
    assert not wrong, told(wrong)


def test_no_files_import_each_other():
    found = cycles({name: own_imports(name, types=False) for name in sources()})
    assert not found, told(" - ".join(group) for group in found)


def test_no_folders_import_each_other():
    """The files at the top of the core are a room of their own, below all others, and the entry point of a
    package stands above its folders.
    """

    def folder(name: str) -> str:
        path = sources()[name]
        if path.stem == "__main__":
            return name
        inner = module_name(path.parent / "__init__.py")
        return f"mmer_core.{room_of(name) or '(top)'}" if inner == "mmer_core" else inner

    graph: dict[str, set[str]] = defaultdict(set)
    for name in sources():
        if name in (FACADE, "app"):
            continue
        graph[folder(name)] |= {folder(o) for o in own_imports(name, types=False) if o != FACADE}
    found = cycles(graph)
    assert not found, told(" - ".join(group) for group in found)


def test_the_top_of_the_core_is_small():
    files = sorted(path.name for path in CORE.iterdir() if path.is_file())
    assert len(files) <= TOP_FILES, files


def test_files_are_named_for_what_they_hold():
    assert [name for name in sources() if set(name.split(".")) & VAGUE] == []


@pytest.mark.parametrize("package", ["encoders", "fusion", "corpora"])
def test_files_carry_the_names_that_they_register(package):
    """`late.py` may register `late_mean` and `late_vote`; no file registers only names unlike its own."""
    from mmer_core.corpora import READERS
    from mmer_core.encoders import ENCODERS
    from mmer_core.fusion import FUSION_MODELS

    registry = {"encoders": ENCODERS, "fusion": FUSION_MODELS, "corpora": READERS}[package]
    by_file = defaultdict(list)
    for entry in registry.entries():
        by_file[entry.module.rpartition(".")[2]].append(entry.name)
    assert by_file
    assert {f: names for f, names in by_file.items() if not any(n.startswith(f) for n in names)} == {}


def test_modules_are_short():
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in sources().items()}
    long = {name: n for name, n in lengths.items() if n > LONG_MODULES.get(name, MODULE_LINES)}
    assert not long, told(f"{name} has {n} lines" for name, n in long.items())
    stale = {name for name in LONG_MODULES if lengths.get(name, 0) <= MODULE_LINES}
    assert not stale, "no exception any more"


def test_functions_are_short():
    lengths = {
        f"{name}.{function}": lines
        for name, path in sources().items()
        for function, lines in functions(tree_of(path))
    }
    long = {name: n for name, n in lengths.items() if n > LONG_FUNCTIONS.get(name, FUNCTION_LINES)}
    assert not long, told(f"{name} has {n} lines" for name, n in long.items())
    stale = {name for name in LONG_FUNCTIONS if lengths.get(name, 0) <= FUNCTION_LINES}
    assert not stale, "no exception any more"


def test_published_systems_are_named_by_what_they_are():
    """The short names S0 to S4 are explained in docs/systems.md and used nowhere else."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    files = [*sources().values(), *(d for d in documents if d.name != "systems.md")]
    wrong = [str(f.relative_to(ROOT)) for f in files if re.search(r"\bS[0-4]\b", f.read_text("utf-8"))]
    assert not wrong, told(wrong)


@pytest.mark.parametrize(
    "command",
    [["-c", "import mmer_core"], ["-m", "mmer_core", "--help"], ["-m", "mmer_core", "predict", "--help"]],
)
def test_starting_loads_no_heavy_library(command):
    """torch and transformers take seconds to import; help and pages must not wait for them."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert not loaded & HEAVY
