"""Trainings as processes of their own: started, watched, stopped, continued; they outlive who started them,
and state is in files only.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from mmer_core.runs import job as job_files
from mmer_core.runs import jobs
from mmer_core.runs.jobs import JobError, Status
from mmer_core.runs.process_identity import alive, identity, started_at

PATIENCE = 60  # seconds for what takes a fraction of one on an idle machine
WAIT = "import time; print('begun', flush=True); time.sleep(300)"


def python(code: str) -> list[str]:
    return ["python", "-c", code]


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def ended(job: jobs.Job) -> jobs.Job:
    """The job as it is when nothing of it runs any more."""
    wait_for(lambda: jobs.read(job.path).status is not Status.RUNNING)
    return jobs.read(job.path)


def begun(job: jobs.Job) -> jobs.Job:
    """The job as it is when its command has said "begun", and the runner has said which process that is."""
    wait_for(
        lambda: "\nbegun" in jobs.read(job.path).tail and len(jobs.read(job.path).state["processes"]) > 1
    )
    return jobs.read(job.path)


@pytest.fixture
def runs(tmp_path):
    """A folder of runs; nothing that was started in it is left behind."""
    yield tmp_path
    for job in jobs.listed(tmp_path)[0]:
        for process in job.state.get("processes", []):
            if alive(process):
                os.kill(process["pid"], signal.SIGKILL)


def test_the_commands_run_one_after_the_other(runs):
    job = jobs.start(runs, "two steps", [python("print('one')"), python("print('two')")], ["a"])
    assert job.status is Status.RUNNING
    job = ended(job)
    assert job.status is Status.FINISHED
    assert job.reason == ""
    assert job.step == 1
    assert [line for line in job.tail.splitlines() if line in ("one", "two")] == ["one", "two"]
    assert "$ python -c" in job.tail
    assert (job.title, job.runs, job.path.parent) == ("two steps", ("a",), runs / ".jobs")


def test_after_a_failure_nothing_more_is_started_and_its_sentence_is_the_reason(runs):
    disk_full = (
        "import sys; from mmer_core.runs import error_file; print('fold 1'); "
        "error_file.leave('[Errno 28] No space left on device'); sys.exit(1)"
    )
    job = ended(jobs.start(runs, "full disk", [python(disk_full), python("print('never')")], ["a"]))
    assert job.status is Status.FAILED
    assert job.reason == "[Errno 28] No space left on device"
    assert "\nnever" not in job.tail
    assert job.step == 0


def test_a_command_that_cannot_be_read_fails_with_its_own_words(runs):
    job = ended(
        jobs.start(
            runs, "wrong", [["python", "-m", "mmer_core", "train", "--manifest", "nowhere.csv"]], ["a"]
        )
    )
    assert job.status is Status.FAILED
    assert "nowhere.csv" in job.reason
    assert "\n" not in job.reason


def test_a_command_that_gives_no_reason_is_said_to(runs):
    job = ended(
        jobs.start(runs, "silent", [python("print('error: of another'); raise SystemExit(3)")], ["a"])
    )
    assert job.reason == "the command ended with status 3 and gave no reason: look at its output"


def test_the_reason_of_an_attempt_is_not_that_of_the_one_before(runs):
    code = "import sys; from mmer_core.runs import error_file; error_file.leave('first'); sys.exit(1)"
    job = ended(jobs.start(runs, "fails", [python(code)], ["a"]))
    (job.path / "error").write_text("left behind")
    (job.path / job_files.PROGRESS).write_text('{"step": "extract", "done": 1, "total": 2}')
    record = json.loads((job.path / job_files.RECORD).read_text())
    record["commands"] = [python("raise SystemExit(1)")]
    (job.path / job_files.RECORD).write_text(json.dumps(record))
    again = ended(jobs.resume(jobs.read(job.path)))
    assert "gave no reason" in again.reason
    assert again.progress == {}


def test_a_traceback_is_named_as_the_reason(runs):
    code = (
        "import sys; from types import SimpleNamespace; from mmer_core.cli.main import _run; "
        "_run(SimpleNamespace(run=lambda args: 1 / 0), None)"
    )
    job = ended(jobs.start(runs, "defect", [python(code)], ["a"]))
    assert job.reason == "ZeroDivisionError: division by zero"
    assert "Traceback" in job.tail


def test_stop_is_ctrl_c_and_go_on_starts_the_same_commands_again(runs):
    code = (
        "import time; print('begun', flush=True)\ntry: time.sleep(300)\nexcept KeyboardInterrupt: "
        "print('kept'); raise SystemExit(130)"
    )
    job = begun(jobs.start(runs, "long", [python(code), python("print('never')")], ["a"]))
    jobs.stop(job)
    job = ended(job)
    assert job.status is Status.STOPPED
    assert "\nkept" in job.tail
    assert "\nnever" not in job.tail
    jobs.stop(job)  # once more does nothing
    again = jobs.resume(job)
    assert again.status is Status.RUNNING
    assert again.state["attempt"] == 2
    with pytest.raises(JobError, match="is running already"):
        jobs.resume(job)
    wait_for(lambda: jobs.read(job.path).tail.count("\nbegun") == 2)
    jobs.stop(again)
    assert ended(again).status is Status.STOPPED


def test_a_command_that_does_not_heed_ctrl_c_is_ended_after_a_grace_period(runs):
    stubborn = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('begun', "
        "flush=True); time.sleep(300)"
    )
    job = begun(jobs.start(runs, "unused runner", [python(stubborn)], ["a"]))
    os.killpg(job.state["processes"][0]["pid"], signal.SIGKILL)
    ended(job)
    (job.path / job_files.LOG).unlink()
    code = "import sys; from pathlib import Path; from mmer_core.runs import job_runner, jobs;"
    code += "job_runner.Runner(jobs.read(Path(sys.argv[1])), grace=0.3).run()"
    with (job.path / job_files.LOG).open("ab") as log:
        runner = subprocess.Popen(
            [sys.executable, "-c", code, str(job.path)], stdout=log, stderr=log, start_new_session=True
        )
    jobs.stop(begun(job))
    runner.wait(PATIENCE)
    job = jobs.read(job.path)
    assert job.status is Status.STOPPED
    assert job.state["ended"]["status"] == -signal.SIGTERM


def test_a_training_outlives_who_started_it(runs):
    """The starter's whole process group is killed, as when a terminal is closed or the app crashes."""
    code = (
        "import sys, time; from pathlib import Path; from mmer_core.runs import jobs;"
        f"jobs.start(Path({str(runs)!r}), 'survivor', [['python', '-c', {WAIT!r}]], ['a']); "
        "print('started', flush=True); time.sleep(300)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == "started\n"
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait(PATIENCE)
    starter.stdout.close()
    (job,), problems = jobs.listed(runs)
    assert problems == []
    assert job.status is Status.RUNNING
    jobs.stop(begun(job))
    assert ended(job).status is Status.STOPPED


@pytest.mark.parametrize("victims", ["all", "the runner", "the command"])
def test_a_killed_training_is_shown_as_interrupted_and_can_go_on(runs, victims):
    job = begun(jobs.start(runs, "killed", [python(WAIT)], ["a"]))
    runner, command = (process["pid"] for process in job.state["processes"])
    if victims == "the runner":  # then the command still runs, and can be stopped
        os.kill(runner, signal.SIGKILL)
        wait_for(lambda: not alive(job.state["processes"][0]))
        assert jobs.read(job.path).status is Status.RUNNING
        jobs.stop(job)
    else:
        for pid in (runner, command) if victims == "all" else (command,):
            os.kill(pid, signal.SIGKILL)
    job = ended(job)
    assert job.status is Status.INTERRUPTED
    assert job.reason
    assert ("signal 9" in job.reason) == (victims == "the command")
    assert jobs.resume(job).status is Status.RUNNING


def test_a_process_that_was_given_the_number_of_a_dead_one_is_left_alone(runs):
    job = ended(jobs.start(runs, "gone", [python("pass")], ["a"]))
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as stranger:
        state = {
            **job.state,
            "processes": [{"pid": stranger.pid, "started": "at another time"}],
            "ended": None,
        }
        (job.path / job_files.STATE).write_text(json.dumps(state))
        job = jobs.read(job.path)
        assert job.status is Status.INTERRUPTED
        jobs.stop(job)
        time.sleep(0.1)
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_is_known_by_number_and_start():
    assert alive(identity(os.getpid()))
    assert not alive({"pid": os.getpid(), "started": "at another time"})
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        wait_for(
            lambda: started_at(child.pid) is None
        )  # what is left of it until its parent asks does not count


def test_two_trainings_of_one_run_are_refused_and_of_two_runs_allowed(runs):
    first = jobs.start(runs, "first", [python(WAIT)], ["a", "b"])
    with pytest.raises(
        JobError, match="the run b is being trained already: wait for it, stop it, or choose another name"
    ):
        jobs.start(runs, "second", [python(WAIT)], ["b", "c"])
    other = jobs.start(runs, "other", [python("pass")], ["c"])
    assert ended(other).status is Status.FINISHED
    assert [job.title for job in jobs.listed(runs)[0]] == ["other", "first"]
    with pytest.raises(JobError, match="is running: stop it first"):
        jobs.remove(first)


def test_a_run_that_a_terminal_trains_is_refused(runs):
    import fcntl

    (runs / "a").mkdir()
    with (runs / "a" / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(JobError, match="another process is training into"):
            jobs.start(runs, "second", [python("pass")], ["a"])
    assert jobs.listed(runs) == ([], [])


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be started: nothing can be written to"):
        jobs.start(tmp_path / "file", "nowhere", [python("pass")], ["a"])


def test_a_training_that_could_not_begin_leaves_nothing(runs, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs, "write_json", full)
    with pytest.raises(
        JobError, match=r"cannot be started: nothing can be written to .* \(No space left on device\)"
    ):
        jobs.start(runs, "full", [python("pass")], ["a"])
    assert jobs.listed(runs) == ([], [])


def test_a_damaged_record_is_listed_with_the_reason_and_the_others_work(runs):
    job = ended(jobs.start(runs, "fine", [python("pass")], ["a"]))
    broken = runs / ".jobs" / "20000101T000000-000"
    broken.mkdir()
    (broken / "job.json").write_text("{half")
    found, problems = jobs.listed(runs)
    assert [j.id for j in found] == [job.id]
    (problem,) = problems
    assert str(broken) in problem


def test_forgetting_a_training_keeps_its_runs(runs):
    job = ended(jobs.start(runs, "done", [python("pass")], ["a"]))
    (runs / "a").mkdir()
    jobs.remove(job)
    assert jobs.listed(runs) == ([], [])
    assert (runs / "a").is_dir()


def test_the_progress_of_the_extraction_is_a_file(runs):
    code = (
        "import sys; from pathlib import Path; from mmer_core.json_files import write_json; "
        "write_json(Path(sys.argv[1]), {'step': 'extract', 'done': 12, 'total': 40})"
    )
    job = ended(jobs.start(runs, "extract", [[*python(code), jobs.PROGRESS_FILE]], ["a"]))
    assert job.commands[0][-1] == str(job.path / job_files.PROGRESS)
    assert job.progress["step"] == "extract"
    assert job.encoded == (12, 40)
    silent = ended(jobs.start(runs, "other", [python("print('7/8  1.0 a second')")], ["a"]))
    assert (silent.encoded, silent.progress) == (None, {})


def test_a_job_keeps_the_request_it_was_made_from(runs):
    request = {"corpus": "clips.csv", "fusion": ["early"]}
    job = ended(jobs.start(runs, "with request", [python("pass")], ["a"], request))
    assert jobs.read(job.path).request == request
    record = json.loads((job.path / job_files.RECORD).read_text())
    del record["request"]  # as older jobs are
    (job.path / job_files.RECORD).write_text(json.dumps(record))
    assert jobs.read(job.path).request == {}


def test_the_runner_loads_no_heavy_library():
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import mmer_core.runs.job_runner"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert not loaded & {"torch", "sklearn", "pandas", "scipy"}
