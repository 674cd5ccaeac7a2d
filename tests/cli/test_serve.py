"""`mmer serve`: what it says before it serves."""

import pytest

from mmer_core.cli import main, serve
from mmer_core.config import Limits
from mmer_core.media import private_folder

server = pytest.importorskip("mmer_core.service.server")


@pytest.fixture
def served(monkeypatch):
    """What would be served, and where."""
    asked = {}

    def note(settings, load, **options):
        asked.update(options, settings=settings)
        options["started"]("http://127.0.0.1:8000")

    monkeypatch.setattr(server, "serve", note)
    monkeypatch.setattr(private_folder, "work_in_private_folder", lambda: None)  # of a process of its own
    return asked


def test_it_listens_at_this_machine_with_the_limits_of_the_app(served, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert main.main(["serve"]) == 0
    assert (served["host"], served["port"]) == ("127.0.0.1", 8000)
    assert served["settings"].max_bytes == Limits.max_bytes
    captured = capsys.readouterr()
    assert captured.out == "serving at http://127.0.0.1:8000; the model is being loaded\n"
    assert captured.err == ""


def test_options_reach_the_service(served, tmp_path):
    token = tmp_path / "token.txt"
    token.write_text("abcdefgh01234567")
    options = ["--port", "0", "--queue", "3", "--workers", "4", "--timeout", "9", "--max-mb", "7"]
    assert main.main(["serve", *options, "--token-file", str(token)]) == 0
    found = served["settings"]
    assert (found.queue, found.workers, found.timeout, found.max_bytes) == (3, 4, 9.0, 7 * 2**20)
    assert found.token == "abcdefgh01234567"
    assert "abcdefgh" not in repr(found)


@pytest.mark.parametrize(
    ("token", "said"), [(False, "there is no authentication: put a reverse proxy"), (True, "unencrypted")]
)
def test_another_host_is_warned_of_in_one_line(served, capsys, tmp_path, token, said):
    path = tmp_path / "token.txt"
    path.write_text("abcdefgh01234567")
    main.main(["serve", "--host", "0.0.0.0", *(["--token-file", str(path)] if token else [])])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: 0.0.0.0 is reached from other machines")
    assert said in line


def test_missing_packages_are_said_with_the_way_to_get_them(monkeypatch, capsys):
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "fastapi" else object())
    assert main.main(["serve"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "error: mmer serve needs packages that are not installed (fastapi): run pip install "
        "'mmer[service]', or pip install '.[service]' in a checkout"
    )


@pytest.mark.parametrize("options", [["--queue", "0"], ["--max-mb", "many"], ["--port", "none"]])
def test_numbers_that_do_not_fit_are_refused(options, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(["serve", *options])
    assert stop.value.code == 2
