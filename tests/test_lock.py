"""requirements.lock is what `make lock` makes of requirements.txt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(
    r"^([\w.-]+)==(\S+?)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def direct() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def locked() -> dict[str, list[tuple[str, str]]]:
    """{package: its versions, each with the systems that it is for}"""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, version, marker, _ in ENTRY.findall(LOCK):
        found.setdefault(canonicalize_name(name), []).append((version, marker))
    return found


@pytest.mark.parametrize("requirement", direct(), ids=lambda r: r.name)
def test_what_is_required_is_locked_at_its_version(requirement):
    (pin,) = requirement.specifier
    versions = locked()[canonicalize_name(requirement.name)]
    assert {version.partition("+")[0] for version, _ in versions} == {pin.version}


def test_every_package_has_hashes_and_is_there_for_python_3_11():
    names = re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE)
    assert len(ENTRY.findall(LOCK)) == len(names) > 100
    environment = {"python_version": "3.11", "python_full_version": "3.11.7", "sys_platform": "linux"}
    for name, versions in locked().items():
        fitting = [v for v, marker in versions if not marker or Marker(marker).evaluate(environment)]
        assert len(fitting) <= 1, name


def test_no_registry_is_named():
    assert "://" not in LOCK
    assert "index-url" not in LOCK
    assert "find-links" not in LOCK


def test_the_checks_of_security_run_and_can_fail():
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("lock:", "audit:", "sbom:", "bandit:"):
        assert f"\n{target}" in make
    assert "\ncheck: bandit" in make
    assert "--strict" in make, "an audit that could ask nobody must fail"
    skipped = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["bandit"]["skips"]
    assert skipped == ["B101", "B404", "B603"]
