"""Fixtures that many tests share."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import tempfile
import threading
from pathlib import Path

# Tests run side by side in processes: one thread in each is faster than all threads in all. Set before torch
# and onnxruntime are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The user's own runs and features are neither read nor written. Set before mmer_core.config is imported.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="mmer-tests-")

# Nothing here, and in the processes that tests start, reaches another machine.
NO_NETWORK = Path(__file__).parent / "no_network"
ATTEMPTS = Path(os.environ["XDG_DATA_HOME"]) / "attempts"
os.environ["MMER_TESTS_ATTEMPTS"] = str(ATTEMPTS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(NO_NETWORK), os.environ.get("PYTHONPATH")]))
runpy.run_path(str(NO_NETWORK / "sitecustomize.py"))

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# A slow machine is not a failed test, and every run tries the same examples.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests that share a fixture of their file or class: work is spread by test (`--dist loadgroup`),
    but a group goes to one process, so that what it shares is set up once. All browser tests are one group:
    they share a browser and a server with loaded models.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))
            continue
        definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        shared = [name for name, found in definitions.items() if found[-1].scope in ("class", "module")]
        if shared:
            parameters = getattr(item, "callspec", None)
            values = [str(parameters.indices[n]) for n in shared if parameters and n in parameters.indices]
            item.add_marker(pytest.mark.xdist_group("-".join([str(item.path), *values])))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A pytest whose test names the installed xdist cannot extend would ignore the groups without a word."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if getattr(session.config.option, "loadgroup", False) and grouped and "@" not in grouped[0].nodeid:
        raise pytest.UsageError(
            f"pytest {pytest.__version__} and the installed pytest-xdist do not group tests: install the "
            "versions of requirements-dev.txt"
        )


@pytest.fixture(autouse=True)
def own_main():
    """AppTest puts its script in the place of the main module and leaves it there; processes that a later
    test starts would run it.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def no_model_in_the_making(request):
    """A page of an earlier test may still load its model, which draws from the generator of trainings."""
    for thread in threading.enumerate():
        if thread.name == "model-loader" and Path(__file__).parent / "app" not in request.path.parents:
            thread.join()


@pytest.fixture(autouse=True)
def own_private_folder(monkeypatch):
    """What reads or writes clips makes this process work in a private folder from then on: tests begin
    without one.
    """
    from mmer_core.media import private_folder

    monkeypatch.setattr(private_folder, "_own", dict(private_folder._own))
    monkeypatch.setattr(private_folder, "_outside", list(private_folder._outside))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)


@pytest.fixture(autouse=True)
def no_requests():
    """A test fails if something in it tried to reach another machine."""
    yield
    if ATTEMPTS.exists():
        told = ATTEMPTS.read_text(encoding="utf-8")
        ATTEMPTS.unlink()
        pytest.fail(told)


@pytest.fixture
def scratch(tmp_path_factory, monkeypatch):
    """A temporary folder of its own for the code under test, which must be as empty afterwards as before."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == [], "something was left in the temporary folder"


@pytest.fixture
def decoder_that(tmp_path, monkeypatch):
    """Replace the decoding process by a script; `from mmer_core.media.decoder...` and `run()`, the real
    thing, are at its disposal.
    """
    from mmer_core.media import decoding

    def replace(code: str) -> None:
        script = tmp_path / "decoder_script.py"
        head = (
            "import errno, json, os, signal, sys, time\nfrom mmer_core.media.decoder.__main__ import "
            "main\nrun = lambda: sys.exit(main(sys.argv[1:]))\n"
        )
        script.write_text(head + code)
        monkeypatch.setattr(decoding, "COMMAND", (sys.executable, str(script)))

    return replace


@pytest.fixture
def install_model(monkeypatch):
    """A function that puts a model in the place of the shipped one, and what finds faces and words, if given,
    in that of the real ones.
    """
    import mmer_core.inference.observation
    from ui import models

    def install(made, *, find_faces=None, transcript=None):
        if find_faces is not None:
            monkeypatch.setattr(mmer_core.inference.observation, "find_faces", find_faces)
        if transcript is not None:
            heard = lambda *_: transcript  # noqa: E731
            monkeypatch.setattr(mmer_core.inference.observation, "transcribe", heard)
        monkeypatch.setattr(models, "load_model", lambda folder: made)
        models.forget_loaded()
        return made

    yield install
    models.forget_loaded()


@pytest.fixture
def small_video(tmp_path) -> Path:
    """A two-second mp4 with moving colours and a tone, its index in front so that a cut file can still be
    read.
    """
    from media_factory import write_video

    path = tmp_path / "clip.mp4"
    write_video(path, options={"movflags": "faststart"})
    return path
