"""IEMOCAP: the official folder tree, its classes, what is left out and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError

IMPROVISED = [
    ("F000", 1.0, "neu"),
    ("M000", 3.0, "xxx"),
    ("F001", 5.5, "exc"),
    ("M001", 7.0, "ang"),
    ("F002", 9.0, "fru"),
]
SCRIPTED = [("M000", 0.5, "sad"), ("F000", 2.0, "hap")]


def add_dialogue(root: Path, sound, name: str, turns: list[tuple[str, float, str]]) -> None:
    """One dialogue of a session: evaluation, transcript, sound."""
    session = root / f"Session{name[4]}"
    evaluation, transcript = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], []
    for turn, start, code in turns:
        evaluation += [
            f"[{start:.4f} - {start + 1:.4f}]\t{name}_{turn}\t{code}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()",
            "",
        ]
        transcript.append(f"{name}_{turn} [{start:08.4f}-{start + 1:08.4f}]: Words of {turn}.")
        sound(session / "sentences" / "wav" / name / f"{name}_{turn}.wav")
    transcript.append("M: [LAUGHTER]")
    for kind, lines in (("EmoEvaluation", evaluation), ("transcriptions", transcript)):
        file = session / "dialog" / kind / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines))


@pytest.fixture
def iemocap(tmp_path: Path, sound) -> Path:
    for session in range(1, 6):
        add_dialogue(tmp_path, sound, f"Ses0{session}F_impro01", IMPROVISED)
    add_dialogue(tmp_path, sound, "Ses01M_script01_1", SCRIPTED)
    return tmp_path


def counts(manifest: corpora.Manifest) -> dict[str, int]:
    return manifest.table["label"].value_counts().to_dict()


def test_four_classes_in_the_published_order_with_excitement_as_joy(iemocap):
    manifest = corpora.read(f"iemocap:{iemocap}")
    assert manifest.labels == ("anger", "sadness", "joy", "neutral")
    assert counts(manifest) == {"neutral": 5, "joy": 6, "anger": 5, "sadness": 1}
    assert manifest.notes == (
        "utterances of other classes were left out: 5 without agreement, 5 frustration",
    )
    assert manifest.problems == ()


def test_happiness_and_excitement_can_stay_apart(iemocap):
    assert counts(corpora.read(f"iemocap:{iemocap}", merge_excited=False))["joy"] == 1
    six = corpora.read(f"iemocap:{iemocap}", classes=6, merge_excited=False)
    assert six.labels == ("neutral", "anger", "joy", "sadness", "excitement", "frustration")
    assert counts(six)["excitement"] == 5
    five = corpora.read(f"iemocap:{iemocap}", classes=6)
    assert counts(five)["joy"] == 6
    assert "excitement" not in five.labels
    with pytest.raises(CorpusError, match="4 or 6 classes, not 5"):
        corpora.read(f"iemocap:{iemocap}", classes=5)


def test_improvised_only_leaves_the_scripts_out(iemocap):
    manifest = corpora.read(f"iemocap:{iemocap}", improvised_only=True)
    assert set(manifest.table["style"]) == {"improvised"}
    assert counts(manifest).get("sadness", 0) == 0
    assert "sadness" in manifest.labels


def test_a_turn_is_said_by_the_actor_its_name_ends_with(iemocap):
    rows = {u.id: u for u in corpora.read(f"iemocap:{iemocap}").utterances()}
    assert rows["Ses01F_impro01_M001"].group == "Ses01M"
    assert rows["Ses01M_script01_1_F000"].group == "Ses01F"
    assert rows["Ses02F_impro01_F000"].text == "Words of F000."
    manifest = corpora.read(f"iemocap:{iemocap}")
    assert sorted(set(manifest.groups("session"))) == [f"Ses0{n}" for n in range(1, 6)]
    assert len(set(manifest.groups("speaker"))) == 10


def test_positions_count_the_turns_that_were_left_out(iemocap):
    rows = {u.id: u for u in corpora.read(f"iemocap:{iemocap}").utterances()}
    dialogue = rows["Ses01F_impro01_M001"].dialogue
    assert dialogue is not None
    assert (dialogue.index, dialogue.length, dialogue.duration) == (3, 5, 1.0)
    assert dialogue.previous == ("Words of F000.", "Words of F001.")


def test_missing_and_damaged_files_are_listed_and_survived(iemocap):
    dialogs = iemocap / "Session1" / "dialog"
    (iemocap / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav").unlink()
    (dialogs / "transcriptions" / "Ses01M_script01_1.txt").unlink()
    evaluation = dialogs / "EmoEvaluation" / "Ses01F_impro01.txt"
    evaluation.write_text(evaluation.read_text() + "\n[nonsense\n")
    (dialogs / "EmoEvaluation" / "._Ses01F_impro01.txt").write_bytes(b"\0\5\x16\7")
    manifest = corpora.read(f"iemocap:{iemocap}")
    told = dict(manifest.problems)
    assert "is missing" in told["Ses01F_impro01_F000"]
    assert "this dialogue has no words" in told["Session1/dialog/transcriptions/Ses01M_script01_1.txt"]
    assert any(p.id.startswith("Ses01F_impro01.txt:") for p in manifest.problems)
    assert "Ses01F_impro01_F000" in manifest.ids  # its words are still there
    assert "Ses01M_script01_1_F000" in manifest.ids  # its sound is still there


def test_sessions_that_are_not_there_are_said_and_a_wrong_folder_refused(iemocap, tmp_path):
    (iemocap / "Session3").rename(iemocap / "elsewhere")
    assert "Session3 is not there" in corpora.read(f"iemocap:{iemocap}").notes
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="Session1 to Session5"):
        corpora.read(f"iemocap:{tmp_path / 'empty'}")
