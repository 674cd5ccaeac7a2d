"""A hundred damaged and hostile files in every test run, and that the campaign finds what it looks for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from fuzz import campaign, coverage_guided, hostile, seeds, watch
from fuzz.watch import Watch

from mmer_core.config import ROOT
from mmer_core.media import loading, warm_decoder

pytestmark = pytest.mark.skipif(not warm_decoder.AVAILABLE, reason="this system forks no processes")
FILES, PARTS = 100, 4
SEED = 7
#: bombs that are decoded for seconds; the campaign has them, the tests others of their kind
SLOW = {
    "webp bomb",
    "gif bomb",
    "apng bomb",
    "webp moving bomb",
    "silence of 3 hours",
    "mp4 of 49 megapixels",
}


@pytest.fixture(scope="module")
def watched():
    with Watch() as found:
        yield found


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_files(watched, part):
    numbers = range(part * FILES // PARTS, (part + 1) * FILES // PARTS)
    found = {case.number: outcome.faults for case, outcome in campaign.run(watched, SEED, numbers)}
    assert {number: faults for number, faults in found.items() if faults} == {}
    assert len(found) == FILES // PARTS


@pytest.mark.parametrize("name", [name for name in hostile.HOSTILE if name not in SLOW])
def test_a_hostile_file(watched, name):
    outcome = watched.attempt(hostile.hostile(name), "upload")
    assert outcome.faults + watched.left_behind() == []
    assert outcome.kind in ("answer", "in part", "refusal")


@pytest.mark.parametrize("name", seeds.names())
def test_a_sound_file_is_read_whole(watched, name):
    outcome = watched.attempt(seeds.seed(name), "upload")
    assert outcome.faults == []
    assert outcome.kind == ("refusal" if name == "tiff" else "answer")  # TIFF is none of our formats


def test_a_file_depends_on_its_seed_and_number_alone():
    first, again, other = campaign.case(3, 40), campaign.case(3, 40), campaign.case(4, 40)
    assert first == again
    assert first.content != other.content


def test_there_are_enough_formats():
    assert len(seeds.names()) >= 24
    assert len(seeds.names()) == len(set(seeds.names()))


class TestWhatIsLookedFor:
    def test_an_error_of_another_kind(self, watched, monkeypatch):
        def raise_it(*_, **__):
            raise KeyError("oops")

        monkeypatch.setattr(watch, "load_upload", raise_it)
        assert watched.attempt(b"x", "upload").faults == ["KeyError: 'oops'"]

    def test_a_message_that_is_no_sentence(self, watched, monkeypatch):
        def raise_it(*_, **__):
            raise loading.MediaError("[Errno 2] no")

        monkeypatch.setattr(watch, "load_upload", raise_it)
        assert watched.attempt(b"x", "upload").faults == ["no sentence: '[Errno 2] no'"]

    def test_a_file_that_stays(self, watched):
        kept = Path(tempfile.gettempdir()) / "kept"
        kept.touch()
        assert watched.left_behind() == ["kept in the temporary folder"]
        kept.unlink()
        assert watched.left_behind() == []

    def test_a_descriptor_that_stays(self, watched, monkeypatch):
        monkeypatch.setattr(watch, "SETTLE", 0.05)
        descriptor = os.open("/dev/null", os.O_RDONLY)
        (fault,) = watched.left_behind()
        assert "descriptors of the app, before" in fault
        os.close(descriptor)

    def test_too_much_time_and_memory(self, watched):
        outcome = watch.Outcome(seconds=watch.LIMITS.wall_seconds + 6, held=watch.LIMITS.memory + 1)
        assert watched._costs(outcome, "upload") == ["36.0 s", "4294967297 bytes of memory"]
        assert watched._costs(outcome, "film") == ["4294967297 bytes of memory"]
        outcome = watched.attempt(seeds.seed("png"), "upload")
        assert outcome.seconds > 0
        assert 2**20 < outcome.held < 2**30

    def test_how_the_process_ended(self, watched, monkeypatch):
        statuses = iter((-11, None, 0))
        monkeypatch.setattr(watched, "_before", (*watched._before[:2], lambda *_, **__: next(statuses)))
        ended = [watched.attempt(seeds.seed("mp3"), "upload").ended for _ in range(3)]
        assert ended == ["crash", "time", ""]


def test_a_server_that_was_ended_is_told():
    with Watch() as found:
        found._decoder._process.kill()
        found._decoder._process.wait()
        found.attempt(seeds.seed("png"), "upload")
        assert "the server had to be started again" in found.left_behind()


def test_the_command_writes_a_table(tmp_path):
    table = tmp_path / "table.md"
    assert campaign.main(["--count", "5", "--seed", "2", "--table", str(table)]) == 0
    lines = table.read_text().splitlines()
    assert lines[0].startswith("| file | tried | answer |")
    assert lines[-1].startswith("| **all** | 5 | ")


def test_the_command_tells_a_fault_and_keeps_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(watch, "_judged", lambda clip: ("answer", ["odd"]))
    tried = campaign.Case(9, "png", "upload", seeds.seed("png"))
    monkeypatch.setattr(campaign, "case", lambda *_: tried)
    assert campaign.main(["--only", "9", "--seed", "2", "--keep", str(tmp_path)]) == 1
    assert (tmp_path / "2-9").read_bytes() == seeds.seed("png")
    assert "odd" in capsys.readouterr().out


@pytest.mark.skipif(coverage_guided.importlib.util.find_spec("atheris") is not None, reason="atheris is here")
def test_without_atheris_the_command_says_so():
    found = subprocess.run(
        [sys.executable, "-m", "fuzz.coverage_guided"],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("atheris is not installed")
