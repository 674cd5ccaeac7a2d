"""The benchmark's own parts: reasons, tables, targets, chart, document, and one real process."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import pytest

from benchmarks import bench
from benchmarks.compared import chart, document, environments, tables
from benchmarks.compared.children import Measured, run
from benchmarks.compared.environments import Environment, NoEnvironment
from benchmarks.compared.tasks import OURS, Entrant, Task, analyze, faces, fusion, voice

FACE = Task("Face video", "the video", faces("face.mp4", 3))
PHONE = Task("Analyze 60 s", "the video", analyze("phone.mp4", 3))
RESULTS = {
    FACE.title: {
        OURS: Measured(4.0, (2.5, 2.0, 2.1), 300 * 2**20, {"Python": "3.11.7", "torch": "2.15"}, detail="79"),
        "fer": Measured(9.0, (6.0,), 700 * 2**20, {"Python": "3.11.7", "fer": "25.10.3"}),
        "DeepFace": Measured(failure="no weights"),
        "Decoding alone": Measured(0.3, (0.05,), 2**20),
        "Face networks alone": Measured(None, (0.95,), 2**30),
    },
    PHONE.title: {
        OURS: Measured(5.0, (4.2,), 2**29, steps={"decode": [1.0, 3.0, 2.0], "speech": [0.5]}),
        "Decoding alone": Measured(0.3, (1.0,)),
        "Speech recognition alone": Measured(None, (1.0,)),
        "Networks alone": Measured(None, (1.0,)),
    },
}
TASKS = [FACE, PHONE]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0123, "12.3 ms"), (2.345, "2.35 s"), (61.23, "61.2 s")]
)
def test_seconds_are_written_with_three_digits_that_count(value, text):
    assert tables.seconds(value) == text


def test_the_floor_is_all_of_its_parts_together():
    assert tables.floor(FACE, RESULTS) == pytest.approx(1.0)
    assert tables.ratio(FACE, RESULTS) == pytest.approx(2.1)
    assert tables.ratio(PHONE, RESULTS) == pytest.approx(1.4)


def test_a_part_that_failed_leaves_no_floor():
    broken = {PHONE.title: {**RESULTS[PHONE.title], "Networks alone": Measured(failure="no")}}
    assert tables.floor(PHONE, broken) is None
    assert tables.ratio(PHONE, broken) is None
    assert "times that" not in tables.markdown([PHONE], broken)


def test_every_row_of_the_table_has_as_many_cells_and_a_failure_says_why():
    text = tables.markdown(TASKS, RESULTS)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}
    assert "| DeepFace | – | – | – | not measured: no weights |" in rows
    assert f"| {OURS} | 4.00 s | 2.10 s | 300 MiB | 79 |" in rows
    assert (
        "| Face networks alone | – | 950 ms | – |  |" in rows
        or "| Face networks alone | – | 0.95 s | – |  |" in rows
    )
    assert "Py-Feat" not in text, "what was not run has no row"


def test_targets_say_whether_they_are_reached():
    text = tables.targets(TASKS, RESULTS, own=False, busy=False)
    assert "Analyze 60 s: 1.40 times the floor (target 1.3: not reached)." in text
    assert "Face video: 2.10 s (target 2.3 s: reached)." in text
    assert "2.3 s" not in tables.targets(TASKS, RESULTS, own=True, busy=False)
    assert tables.targets(TASKS, RESULTS, own=False, busy=True).count("not judged") == 2
    alone = {TASKS[1].title: RESULTS[TASKS[1].title]}
    assert "2.3 s" not in tables.targets(TASKS, alone, own=False, busy=False), "each has its own target"


def test_the_time_goes_to_the_median_of_each_step():
    assert tables.spent(TASKS, RESULTS) == "- Analyze 60 s; this project: decode 2.00 s, speech 0.50 s."


def test_versions_are_named_once():
    assert tables.versions(RESULTS) == "fer 25.10.3, Python 3.11.7, torch 2.15"


def test_the_chart_has_a_bar_for_everybody_who_was_measured_and_the_longest_is_the_slowest():
    picture = ET.fromstring(chart.svg(TASKS, RESULTS))
    space = {"svg": "http://www.w3.org/2000/svg"}
    widths = [float(bar.get("width", "0")) for bar in picture.findall("svg:rect", space)]
    assert len(widths) == 8
    assert widths[1] == pytest.approx(max(widths[:4]))
    assert widths[0] / widths[1] == pytest.approx(2.1 / 6.0, abs=0.01)
    right = float(picture.get("width", "0"))
    assert all(
        float(bar.get("x", "0")) + float(bar.get("width", "0")) < right
        for bar in picture.findall("svg:rect", space)
    )
    assert "prefers-color-scheme: dark" in ET.tostring(picture, encoding="unicode")


def test_titles_cannot_break_the_chart():
    task = Task("<a> & b", "one", (Entrant("x < y", "ours", "mmer_clip"),))
    picture = ET.fromstring(chart.svg([task], {task.title: {"x < y": Measured(1.0, (0.0,))}}))
    assert "<a> & b, one" in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_only_what_lies_between_the_marks_is_replaced():
    before = "# Performance\n\n## Training\n\nfast\n"
    first = document.with_part(before, "one")
    assert first == f"{before}\n## Side by side\n\n{document.BEGIN}\none\n{document.END}\n"
    more = first + "\n## After\n"
    assert document.with_part(more, "two") == more.replace("\none\n", "\ntwo\n")
    assert document.with_part("", "x").startswith("# Performance\n\n## Side by side\n")


@pytest.mark.parametrize("text", [document.BEGIN, document.END, document.END + document.BEGIN])
def test_a_document_with_half_the_marks_is_left_alone(text):
    with pytest.raises(ValueError, match="neither"):
        document.with_part(text, "x")


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("Traceback\n  File x\nOSError: no | such\nwarning: more\n", "OSError: no / such"),
        ("12%|##\r100%|##\nsomething", "something"),
        ("cv2.error: bad\n", "cv2.error: bad"),
        ("ValueError: from https://a.b/c.pth, again", "ValueError: from (address), again"),
        (f"OSError: {environments.ROOT}/x <y>", "OSError: ./x &lt;y>"),
        ("", ""),
    ],
)
def test_a_reason_is_the_last_error_without_what_is_particular_to_the_machine(stderr, said):
    assert environments.reason(stderr) == said


def test_a_long_reason_is_cut():
    said = environments.reason("ValueError: " + "word " * 100)
    assert len(said) <= environments.LONGEST + 2
    assert said.endswith("word …")


def test_an_environment_that_cannot_be_made_is_a_line_and_not_the_end(monkeypatch, tmp_path):
    def nothing(self, folder):
        raise NoEnvironment("no network")

    monkeypatch.setattr(Environment, "python", nothing)
    one = bench.measured(faces("face.mp4", 1)[1], tmp_path, 1)
    assert one.failure == "its environment cannot be made (no network)"
    assert one.seconds is None


def test_an_environment_that_is_there_is_used_again_only_for_the_same_packages(monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(environments, "_run", lambda *command: commands.append(command))
    (tmp_path / "it").mkdir()
    for packages in ("one two", "one two", "three"):
        Environment("it", packages).python(tmp_path)
    installed = [command[command.index("-q") :] for command in commands if "install" in command]
    assert [command[2:] for command in installed] == [("one", "two"), ("three",)]


def test_a_tool_is_measured_in_its_own_process(tmp_path):
    import numpy as np

    path = tmp_path / "voices.npy"
    np.save(path, np.sin(np.arange(2 * 8000) * 0.05).reshape(2, 8000).astype(np.float32))
    inputs = {"path": str(path), "encoder": "lld"}
    one = run(sys.executable, "mmer_voice", inputs, repeat=2, threads=1)
    assert one.failure == ""
    assert len(one.warm) == 2
    assert one.cold > max(one.warm) > 0
    assert one.memory > 2**20
    assert re.fullmatch(r"2 clips, the last as \d+ x 94 numbers", one.detail)
    assert one.versions["Python"].count(".") == 2


def test_a_tool_that_fails_says_why(tmp_path):
    one = run(sys.executable, "floor_decoding", {"path": str(tmp_path / "none.mp4")}, repeat=1, threads=1)
    assert "FileNotFoundError" in one.failure
    assert one.warm == ()


def test_everybody_who_is_compared_has_a_module():
    folder = environments.ROOT / "benchmarks" / "compared"
    entrants = [*FACE.entrants, *PHONE.entrants, *voice("v.npy", 1), *fusion("f.npz")]
    assert {e.module for e in entrants if not (folder / f"{e.module}.py").is_file()} == set()
    assert {e.role for e in FACE.entrants} == {"ours", "theirs", "floor"}


def test_the_command_refuses_a_video_that_is_not_there(capsys):
    with pytest.raises(SystemExit):
        bench.arguments(["nothing.mp4"])
    assert "nothing.mp4 is no file" in capsys.readouterr().err


def test_the_report_names_machine_and_command_and_says_when_it_is_rough():
    args = bench.arguments(["--threads", "1"])
    text = bench.report(TASKS, RESULTS, args, 3.0)
    assert "`python -m benchmarks.bench --threads 1 --repeat 3 --voices 40`" in text
    assert "load 3.0" in text
    assert "the figures are rough" not in bench.report(TASKS, RESULTS, args, 0.1)
