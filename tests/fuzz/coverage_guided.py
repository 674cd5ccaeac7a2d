"""The readers of our own files under atheris, which looks for input that reaches new code.

    python -m fuzz.coverage_guided [--seconds 30] [--seed 1] [READER ...]

Each reader runs in a process of its own, for so many seconds or until something is raised that its
documentation does not name; the input is kept then. The exit status is 0 if nothing was found, 2 without
atheris, which is not among the project's requirements: it is built for few versions of Python.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

LOOKED_INTO = ("checkpoint", "corpora", "features", "inference", "runs", "uncertainty")
LARGEST = 100_000  # bytes of an input
ABSENT = (
    "atheris is not installed, so the readers are not fuzzed with coverage: run pip install atheris in this "
    "environment (it has wheels for Linux), or make fuzz, which needs nothing"
)


def guide(name: str, folder: Path, seconds: int, seed: int) -> None:
    """Fuzz one reader; never returns."""
    import atheris

    with atheris.instrument_imports(include=[f"mmer_core.{room}" for room in LOOKED_INTO]):
        from fuzz import readers

        sound = readers.READERS[name].sound()
        readers.attempt(name, sound)  # imports what is imported on first use
    (folder / "sound").write_bytes(sound)

    def attempt(content: bytes) -> None:
        readers.attempt(name, content)

    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LARGEST}", "-rss_limit_mb=8192"]
    kept = f"-artifact_prefix={folder.parent / name.replace(' ', '-')}-"
    atheris.Setup([sys.argv[0], *options, kept, "-verbosity=0", "-print_final_stats=1", str(folder)], attempt)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Fuzz the readers, one after the other."""
    parser = argparse.ArgumentParser(prog="fuzz.coverage_guided", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--seconds", type=int, default=30, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print(ABSENT, file=sys.stderr)
        return 2
    if asked.inside is not None:
        guide(asked.readers[0], asked.inside, asked.seconds, asked.seed)
    from fuzz import readers

    failed = []
    folder = Path(tempfile.mkdtemp(prefix="fuzz-parsers-"))
    for name in asked.readers or readers.READERS:
        inputs = folder / f"inputs-{name}"
        inputs.mkdir()
        command = [sys.executable, "-m", "fuzz.coverage_guided", name, "--inside", str(inputs)]
        command += ["--seconds", str(asked.seconds), "--seed", str(asked.seed)]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        facts = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
        print(
            f"{name}: {'nothing found' if ended.returncode == 0 else 'FOUND'}, {' '.join(facts)}", flush=True
        )
        if ended.returncode:
            failed.append(name)
            print(ended.stdout[-3000:], ended.stderr[-3000:], flush=True)
    if failed:
        print(f"the inputs are kept in {folder}")
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
