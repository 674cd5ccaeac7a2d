"""Dockerfile and compose.yaml: linted, and run as far as that goes without a daemon and a network."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from mmer_core.cli import serve

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("app", "service")


def stages() -> dict[str, list[tuple[str, str]]]:
    """{name of a stage: its instructions, each with its value}."""
    parser = DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes()))
    found: dict[str, list[tuple[str, str]]] = {}
    for step in parser.structure:
        if step["instruction"] == "FROM":
            found[step["value"].split(" AS ")[1]] = own = []
        elif step["instruction"] not in ("COMMENT", "ARG"):
            own.append((step["instruction"], step["value"]))
    return found


def value(stage: str, instruction: str) -> str:
    (found,) = [text for name, text in stages()[stage] if name == instruction]
    return found


def copied(stage: str) -> list[tuple[list[str], str]]:
    """(sources in the checkout, destination) of each COPY that does not copy from another stage."""
    words = [shlex.split(text) for name, text in stages()[stage] if name == "COPY"]
    return [(own[:-1], own[-1]) for own in words if not own[0].startswith("--from=")]


def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_the_service_is_the_last_stage():
    assert list(stages())[-1] == "service"


@pytest.mark.parametrize("stage", TARGETS)
def test_an_image_runs_without_rights_and_says_how_it_is(stage):
    assert int(value(stage, "USER")) >= 1000
    assert f"useradd --system --uid {value(stage, 'USER')}" in value("base", "RUN")
    assert "CMD" in value(stage, "HEALTHCHECK")
    instructions = [name for name, _ in stages()[stage]]
    assert instructions.index("USER") < instructions.index("ENTRYPOINT")


def test_what_is_copied_is_there_and_is_sent_to_the_builder():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source for stage in stages() for own, _ in copied(stage) for source in own]
    assert len(sources) > 15
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in kept, source
    assert kept == {source.split("/")[0] for source in sources}


def test_the_service_command_parses_and_listens_at_the_port_that_is_open():
    _, name, *options = [*json.loads(value("service", "ENTRYPOINT")), *json.loads(value("service", "CMD"))]
    assert name == "serve"
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    args = parser.parse_args(options)
    assert (args.host, str(args.port)) == ("0.0.0.0", value("service", "EXPOSE"))


def test_the_app_command_starts_a_file_that_is_copied():
    command = json.loads(value("app", "ENTRYPOINT"))
    assert command[:2] == ["streamlit", "run"]
    assert command[2] in [source for own, _ in copied("app") for source in own]
    assert f"--server.port={value('app', 'EXPOSE')}" in command


@pytest.mark.long
def test_the_packages_resolve_to_the_tested_set_without_a_network():
    """The step that installs the service's libraries, from what is installed here already."""
    (step,) = re.findall(r"&& pip (install [^&]*'\.\[service\]')", value("libraries", "RUN"))
    offline = ["--dry-run", "--quiet", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", *shlex.split(step), *offline]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert not re.search(r"Would install .*\w+-\d.* \w", run.stdout), run.stdout  # nothing but mmer itself


@pytest.mark.long
def test_the_files_of_the_service_image_are_all_it_needs(tmp_path):
    image = tmp_path / "mmer"
    for own, destination in copied("service"):
        for source in own:
            target = image / (Path(source).name if destination.endswith("/") else destination)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                image.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, target)
    code = (
        "import json; from mmer_core import config; from mmer_core.service import app, server; "
        "from mmer_core.inference.shipped import MODELS, load_model; "
        "print(json.dumps([config.PACKAGE.as_posix(), load_model().name, "
        "*[p.as_posix() for p in MODELS.values() if (p / 'model.json').is_file()]]))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=image, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    package, name, *models = json.loads(run.stdout)
    assert (package, name) == (str(image / "mmer_core"), "mmer-default")
    assert models == [str(image / "checkpoints" / model) for model in ("default", "large")]


@pytest.mark.parametrize("name", TARGETS)
def test_a_container_has_no_more_than_it_needs(name):
    found = compose()["services"][name]
    assert found["build"] == {"context": ".", "target": name}
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in found
    (port,) = found["ports"]
    inside = value(name, "EXPOSE")
    assert port == f"127.0.0.1:{inside}:{inside}"
    (tmpfs,) = found["tmpfs"]
    assert tmpfs.startswith("/tmp:")


def test_compose_has_nothing_unknown():
    known = {"build", "image", "ports", "read_only", "tmpfs", "volumes", "cap_drop", "security_opt"}
    known |= {"mem_limit", "pids_limit", "stop_grace_period", "restart"}
    found = compose()
    assert set(found) == {"services", "volumes"}
    assert set(found["services"]) == set(TARGETS)
    for name, own in found["services"].items():
        assert set(own) <= known, name
        named = [volume.split(":")[0] for volume in own.get("volumes", [])]
        assert set(named) <= set(found["volumes"])


def test_uploads_fit_into_the_temporary_folder_and_a_request_into_the_grace_period():
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    words = [*json.loads(value("service", "ENTRYPOINT"))[2:], *json.loads(value("service", "CMD"))]
    args = parser.parse_args(words)
    own = compose()["services"]["service"]
    (size,) = re.findall(r"size=(\d+)g", own["tmpfs"][0])
    in_hand = args.queue + args.workers + 1  # and a recording
    assert in_hand * args.max_mb <= int(size) * 1024
    (minutes,) = re.findall(r"^(\d+)m$", own["stop_grace_period"])
    assert int(minutes) * 60 > args.timeout
