"""The environments of the other tools: made when they are missing, used again when they are there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST = 200  # characters of a reason
_ERROR = re.compile(r"[\w.]*(error|exception|exit)(: |$)", re.IGNORECASE)


class NoEnvironment(RuntimeError):
    """An environment that cannot be made; the message is the reason that was seen."""


@dataclass(frozen=True)
class Environment:
    """One tool's packages.

    Attributes:
        name: of its folder.
        packages: with spaces between them, installed with what they need.
        alone: installed without what they need, which is more than what is used here: graphics libraries of
            several GB, mostly.
        borrows: it sees this project's packages behind its own, so that torch is not installed twice.
    """

    name: str
    packages: str = ""
    alone: str = ""
    borrows: bool = False

    def python(self, folder: Path) -> Path:
        """Its interpreter, made in `folder` if it is not there or asks for other packages than it has.

        Raises:
            NoEnvironment: with the reason that was seen.
        """
        home = (folder / self.name).absolute()
        python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        stamp, wanted = home / "packages.json", json.dumps([self.packages, self.alone, self.borrows])
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return python
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        if self.borrows:
            own = subprocess.check_output(
                [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
            )
            place = Path(own.strip()) / "borrowed.pth"
            place.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        for options, packages in (((), self.packages), (("--no-deps",), self.alone)):
            if packages:
                _run(*pip, *options, *packages.split())
        stamp.write_text(wanted, encoding="utf-8")
        return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoEnvironment(reason(done.stderr) or f"it ended with status {done.returncode}")


def reason(stderr: str) -> str:
    """The last error in what a failed process wrote, or else its last line, for a cell of a table: shortened,
    without addresses and without folders of this machine.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    last = (errors or lines or [""])[-1].replace(str(ROOT), ".").replace(str(Path.home()), "~")
    last = re.sub(r"https?://[^\s,]+", "(address)", last).encode("ascii", "ignore").decode()
    last = re.sub(r"\s+", " ", last.replace("|", "/").replace("<", "&lt;"))
    return last if len(last) <= LONGEST else last[:LONGEST].rsplit(" ", 1)[0] + " …"
