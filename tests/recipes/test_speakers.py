"""Made conversations, the error rate, and the weights brought over, on beeps and hand-made examples."""

from __future__ import annotations

import pickle
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers import Diarisation, Turn
from recipes.speakers import convert, measure
from recipes.speakers.__main__ import main
from recipes.speakers.conversations import conversations, recordings, utterance
from recipes.speakers.error_rate import Errors, errors
from recipes.speakers.measure import one_speaker, random_speakers

A, B, X, Y = "ann", "ben", 0, 1


@pytest.mark.parametrize(
    ("answer", "missed", "invented", "confused"),
    [
        ([(0, 10, X), (10, 20, Y)], 0, 0, 0),
        ([(0, 10, Y), (10, 20, X)], 0, 0, 0),  # names do not matter
        ([], 20, 0, 0),
        ([(0, 20, X)], 0, 0, 10),
        ([(0, 12, X), (12, 20, Y)], 0, 0, 2),
        ([(0, 9, X), (11, 20, Y)], 2, 0, 0),
        ([(0, 10, X), (10, 25, Y)], 0, 5, 0),
        ([(0, 10, X), (8, 20, Y)], 0, 2, 0),  # two at once where one speaks
        ([(0, 5, X), (5, 10, 2), (10, 20, Y)], 0, 0, 5),  # one person in two
    ],
)
def test_errors_of_two_speakers(answer, missed: float, invented: float, confused: float) -> None:
    found = errors([(0, 10, A), (10, 20, B)], answer)
    assert found == Errors(missed, invented, confused, 20)
    assert found.rate == (missed + invented + confused) / 20


def test_speech_of_two_at_once_counts_twice() -> None:
    truth = [(0, 10, A), (5, 10, B)]
    assert errors(truth, [(0, 10, X)]) == Errors(5, 0, 0, 15)
    assert errors(truth, truth).rate == 0


def test_errors_without_speech() -> None:
    assert errors([], []).rate == 0
    assert errors([], [(0, 1, X)]).rate == 1
    assert errors([(0, 10, A)], [(0, 5, X)]) + errors([], [(0, 1, X)]) == Errors(5, 1, 0, 10)


def test_answers_that_listen_to_nothing() -> None:
    speech = [(0.0, 3.0, 0), (2.0, 5.0, 1), (6.0, 7.0, 0)]
    assert one_speaker(speech) == [(0.0, 5.0, 0), (6.0, 7.0, 0)]
    drawn = random_speakers(speech, 3)
    assert sum(b - a for a, b, _ in drawn) == 6
    assert {s for *_, s in drawn} <= {0, 1, 2}
    assert drawn == random_speakers(speech, 3)


def test_nobody_speaks_in_both_halves(voices: Path) -> None:
    chosen, tested = (recordings(voices, part) for part in (0, 1))
    names = [{s for speakers in half.values() for s in speakers} for half in (chosen, tested)]
    assert not names[0] & names[1]
    assert names[0]
    assert names[1]


def test_conversations_tell_who_speaks_when(voices: Path) -> None:
    known = recordings(voices, 0)
    made = conversations(known, 1, seed=0, turns=3)
    again = conversations(known, 1, seed=0, turns=3)
    assert [c.people for c in made] == sorted(c.people for c in made)
    for one, other in zip(made, again, strict=True):
        assert np.array_equal(one.waveform, other.waveform)
        assert one.truth == other.truth
        assert {s.speaker for s in one.truth} == {s.speaker for s in other.truth}
        assert len({s.speaker for s in one.truth}) == one.people
        assert all(0 <= s.start < s.end <= len(one.waveform) / SAMPLE_RATE for s in one.truth)
        starts = [s.start for s in one.truth]
        assert starts == sorted(starts)
        first, last = one.truth[0].start, max(s.end for s in one.truth)
        spoken = one.waveform[int(first * SAMPLE_RATE) : int(last * SAMPLE_RATE)]
        assert np.std(spoken) > 3 * np.std(one.waveform[: int(first * SAMPLE_RATE)])
    others = conversations(known, 1, seed=1, turns=2)
    assert not np.array_equal(others[0].waveform, made[0].waveform)
    assert any(a.end > b.start for c in made for a, b in pairwise(c.truth))


def test_an_utterance_begins_and_ends_with_its_voice(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(5 * SAMPLE_RATE)
    for start, end in ((1.0, 2.0), (2.2, 3.0), (3.6, 4.0)):
        part = slice(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))
        sound[part] += 0.1 * rng.standard_normal(part.stop - part.start)
    soundfile.write(tmp_path / "a.flac", sound, SAMPLE_RATE)
    found, active = utterance(tmp_path / "a.flac")
    assert len(found) == pytest.approx(3 * SAMPLE_RATE, abs=200)
    assert active == [pytest.approx((0, 2), abs=0.02), pytest.approx((2.6, 3), abs=0.02)]


def test_the_recipe_writes_its_table(voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Diarisation((Turn(0.0, 60.0, 0, False),), 1, 60.0)
    monkeypatch.setattr(measure, "diarise", lambda waveform: answer)
    main(["--data", str(voices), "--work", str(tmp_path), "--each", "1", "--turns", "2"])
    lines = (tmp_path / "speakers.md").read_text("utf-8").splitlines()
    assert lines[0].count("|") == lines[2].count("|") == 11
    assert any(line.startswith("| 2 to 6 |") for line in lines)
    assert (tmp_path / "speakers.json").is_file()


def test_a_folder_without_corpora_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--data", str(tmp_path), "--work", str(tmp_path)])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


class _Evil:
    def __reduce__(self):
        return print, ("this must not run",)


def test_the_unpickler_reads_tensors_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3).T, "count": torch.tensor([7])}
    torch.save({"state_dict": tensors, "other": _Evil()}, tmp_path / "a.bin")
    with zipfile.ZipFile(tmp_path / "a.bin") as archive:
        state = convert.TensorUnpickler(archive).load()
    assert torch.equal(state["state_dict"]["weight"], tensors["weight"])
    assert torch.equal(state["state_dict"]["count"], tensors["count"])
    assert capsys.readouterr().out == ""


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match="not that of a known original"):
        convert.read_tensors(tmp_path / "pytorch_model.bin")


def test_sinc_filters_pass_their_band() -> None:
    filters = convert.sinc_filters(torch.tensor([[950.0]]), torch.tensor([[450.0]]))  # 1,000 to 1,500 Hz
    assert filters.shape == (2, 1, 251)
    gain = np.abs(np.fft.rfft(filters[:, 0].numpy(), 16_000, axis=1))
    assert (gain[:, 1250] > 10 * gain[:, 500]).all()
    assert (gain[:, 1250] > 10 * gain[:, 2500]).all()
    assert torch.allclose(filters[0, 0], filters[0, 0].flip(0))
    assert torch.allclose(filters[1, 0], -filters[1, 0].flip(0), atol=1e-6)
