"""The table of all modalities on corpora that they have not seen, from made files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmer_core.labels import EMOTIONS, Modality
from recipes import left_out, strangers
from recipes.left_out import LeftOut
from recipes.strangers import STEPS, measure_strangers, table

C = len(EMOTIONS)
EVEN = np.full(C, 1 / C)
SKEWED = np.array([0.4, *[0.1] * 6])


def corpus(seed: int, n: int = 140) -> LeftOut:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % C
    logits = rng.normal(size=(n, C)) + 2 * np.eye(C)[labels]
    return LeftOut(logits.astype(np.float32), labels, np.array([f"s{i % 4}" for i in range(n)]))


def frequencies(values: np.ndarray) -> dict[str, float]:
    return dict(zip(EMOTIONS, values.tolist(), strict=True))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for k, (name, _) in enumerate(STEPS.values()):
        report = {"prior": frequencies(SKEWED)} | ({"answer_prior": frequencies(EVEN)} if k else {})
        (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
        corpora = {f"{name}_one": corpus(k), f"{name}_two": corpus(k + 10), "few": corpus(k, 7)}
        left_out.write(tmp_path / f"{name}_strangers.parquet", corpora)
    return tmp_path


@pytest.fixture
def no_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the steps that are run: none of them does anything."""
    found: list[str] = []
    monkeypatch.setattr(strangers, "run_step", lambda name, *_: found.append(name))
    return found


def test_every_modality_and_corpus_has_a_row(work, no_steps, capsys):
    found = measure_strangers(work / "data", work)
    assert no_steps == [], "what is there is not made again"
    assert json.loads((work / "strangers.json").read_text(encoding="utf-8")) == found
    assert set(found) == {"text", "audio", "visual"}
    for name, modality in (("text", "text"), ("voice", "audio"), ("face", "visual")):
        assert list(found[modality]["corpora"]) == [f"{name}_one", f"{name}_two", "mean"]
        assert found[modality]["left_out"] == {
            "few": "all of it: 7 utterances are too few, at least 20 are needed"
        }
    printed = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed[2:11]]
    assert [row[:3] for row in rows[:3]] == [
        ["words", "text_one", "140"],
        ["words", "text_two", "140"],
        ["words", "mean", ""],
    ]
    scores = found["text"]["corpora"]["text_one"]
    assert rows[0][3:8] == [f"{scores[key]:.3f}" for key in left_out.MEANS]
    assert f"joy {100 * scores['recall']['joy']:.0f}" in rows[0][8]
    assert f"joy {100 * scores['answered']['joy']:.0f}" in rows[0][9]
    assert printed[11:] == [
        f"left out of {title}, few: all of it: 7 utterances are too few, at least 20 are needed"
        for title in ("words", "voice", "face")
    ]


def test_answers_are_under_the_frequencies_of_the_report(work):
    parts = left_out.read(work / "voice_strangers.parquet")
    found = strangers.strangers(work, Modality.AUDIO)
    assert found["corpora"] == left_out.strangers(parts, SKEWED, EVEN)
    parts = left_out.read(work / "text_strangers.parquet")
    assert strangers.strangers(work, Modality.TEXT)["corpora"] == left_out.strangers(parts, SKEWED, SKEWED)


@pytest.mark.parametrize("modality", STEPS)
def test_only_a_missing_step_is_run(work, no_steps, modality):
    name, step = STEPS[modality]
    made = (work / f"{name}_strangers.parquet").rename(work / "moved.parquet")
    with pytest.raises(FileNotFoundError, match=f"{name}_strangers.parquet is missing"):
        measure_strangers(work / "data", work)
    assert no_steps == [step]
    made.rename(work / f"{name}_strangers.parquet")
    (work / f"{name}.json").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"{name}\.json is missing: run python -m recipes --only {step}"
    ):
        strangers.strangers(work, modality)


def test_the_table_is_markdown(work):
    printed = table({Modality.TEXT: strangers.strangers(work, Modality.TEXT)}).splitlines()
    assert printed[0].startswith("|  | corpus | n | UA |")
    assert {line.count("|") for line in printed[:5]} == {len(strangers.HEADER) + 1}


def test_the_command_line_prints_it_and_says_what_is_missing(work, no_steps, capsys):
    strangers.main(["--data", str(work), "--work", str(work)])
    assert "| face | face_two | 140 |" in capsys.readouterr().out
    (work / "face.json").unlink()
    with pytest.raises(SystemExit) as ended:
        strangers.main(["--data", str(work), "--work", str(work)])
    assert ended.value.code == 2
    assert "run python -m recipes --only face-votes first" in capsys.readouterr().err
