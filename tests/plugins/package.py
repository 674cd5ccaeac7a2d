"""Packages that are written on the spot and look installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import invalidate_caches
from pathlib import Path

import pytest


def install(
    folder: Path,
    patch: pytest.MonkeyPatch,
    distribution: str,
    files: Mapping[str, str],
    entry_points: str,
) -> None:
    """Write a distribution into a folder that is put on the search path.

    Args:
        folder: for the package and its record.
        patch: undoes it.
        distribution: name of the package.
        files: {path below the folder: content}.
        entry_points: content of entry_points.txt.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        patch.delitem(sys.modules, name.removesuffix(".py").replace("/", "."), raising=False)
    record = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(entry_points)
    patch.syspath_prepend(str(folder))
    invalidate_caches()
