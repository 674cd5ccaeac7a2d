"""Every fault that docs/faults.md tells of has the test that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "faults.md"


def test_every_fault_has_its_test():
    rows = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith(("| **", "| …"))]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, f"no test is named: {row}"
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text("utf-8"))
            assert test in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, (
                f"{file}: {test}"
            )
