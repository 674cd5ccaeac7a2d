"""What is computed from what a person gave is cached for their session alone."""

from __future__ import annotations

import ast

from mmer_core.config import ROOT

#: Caches of the whole process: models, runs and corpora on disk, none of what a visitor gives.
SHARED = {
    "ui/ablation/scores.py", "ui/analyze/progress.py", "ui/model_choice.py", "ui/models.py",
    "ui/results/cell.py", "ui/runs.py", "ui/train/corpus.py", "ui/train/durations.py", "ui/train/features.py",
    "ui/train/start.py",
}  # fmt: skip


def caches() -> list[tuple[str, str, bool]]:
    """(file, function, whether it is kept by session) of every Streamlit cache."""
    found = []
    for path in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                said = ast.unparse(mark)
                if "cache_data" in said or "cache_resource" in said:
                    name = str(path.relative_to(ROOT))
                    found.append((name, node.name, "scope='session'" in said))
    return found


def test_what_comes_from_clips_is_kept_by_session():
    assert len(caches()) > 20
    assert {file for file, _, own in caches() if not own} <= SHARED
    assert all(own for file, _, own in caches() if file.startswith("ui/analyze/") and file not in SHARED)


def test_the_shared_caches_take_no_source_or_analysis():
    for file in SHARED:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "import Source" not in text, file
        assert "KeptFile" not in text, file
