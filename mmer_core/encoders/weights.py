"""Finding pretrained weights: in an installed package, in the folder `MMER_MODELS`, or on the hub. The hash is what is trusted, not the place."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mmer_core.checkpoint import sha256_of
from mmer_core.config import models_folder
from mmer_core.encoders.spec import EncoderUnavailable

HUB_SECONDS = 3.0  # how long the hub may take to say that it is there
MEGABYTE = 10**6


@dataclass(frozen=True)
class WeightsFile:
    """A file that is known by its content.

    Attributes:
        package: the importable name of the package that carries it.
        path: where it lies inside that package's folder.
        sha256: 64 hex digits.
        size: bytes; files of another size are not even read.
        requirement: what to give to pip, for the message.
    """

    package: str
    path: str
    sha256: str
    size: int
    requirement: str

    def locate(self) -> Path:
        """The first file with the right content.

        Raises:
            EncoderUnavailable: no such file; the message says how to get it.
        """
        found = self.find()
        if found is None:
            raise EncoderUnavailable(
                f"{Path(self.path).name} with sha256 {self.sha256[:12]}… was found neither in the package {self.package} nor in the folder "
                f"MMER_MODELS: run pip install {self.requirement}"
            )
        return found

    def find(self) -> Path | None:
        """Where the file is on this machine, or None."""
        return _first(self._candidates(), self.size, self.sha256)

    def _candidates(self) -> Iterator[Path]:
        # find_spec locates the package without running its code
        spec = find_spec(self.package)
        for folder in spec.submodule_search_locations or () if spec else ():
            path = Path(folder) / self.path
            if path.is_file():
                yield path
        yield from in_models_folder(Path(self.path).suffix)


@dataclass(frozen=True)
class HubFile:
    """A file of a model hub's repository that is known by its content.

    Attributes:
        repository: owner/name on huggingface.co.
        revision: commit, 40 hex digits.
        name: of the file.
        sha256: 64 hex digits.
        size: bytes; files of another size are not even read.
    """

    repository: str
    revision: str
    name: str
    sha256: str
    size: int

    def locate(self) -> Path:
        """The file, from this machine or else from the hub.

        Raises:
            EncoderUnavailable: it is not here and the hub cannot be reached or gives another file; the message says how to get it.
        """
        return self.find() or self._fetch()

    def find(self) -> Path | None:
        """Where the file is on this machine (`MMER_MODELS` or the hub's cache), or None; asks no network."""
        from huggingface_hub import try_to_load_from_cache

        def candidates() -> Iterator[Path]:
            yield from in_models_folder(Path(self.name).suffix)
            cached = try_to_load_from_cache(self.repository, self.name, revision=self.revision)
            if isinstance(cached, str):
                yield Path(cached)

        return _first(candidates(), self.size, self.sha256)

    @property
    def how_to_get(self) -> str:
        """What a person without a connection does."""
        return (
            f"download {self.name} ({self.size / MEGABYTE:.0f} MB, sha256 {self.sha256[:12]}…) from huggingface.co/{self.repository} "
            "and put it, under any name, into the folder that the variable MMER_MODELS names"
        )

    def _fetch(self) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

        if not hub_answers():
            raise EncoderUnavailable(f"the weights {self.repository} are not on this machine and the hub cannot be reached: {self.how_to_get}")
        try:
            path = Path(hf_hub_download(self.repository, self.name, revision=self.revision))
        except (OSError, EntryNotFoundError, HfHubHTTPError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise EncoderUnavailable(f"the weights {self.repository} cannot be fetched ({reason}): {self.how_to_get}") from error
        if sha256_of(path) != self.sha256:
            raise EncoderUnavailable(f"the hub gave another file than expected for {self.repository}: {self.how_to_get}")
        return path


@dataclass(frozen=True)
class PublishedFile:
    """A file that a person fetches by hand, known by its content.

    Attributes:
        name: as published.
        sha256: 64 hex digits.
        size: bytes; files of another size are not even read.
        how_to_get: what to do, after a colon.
    """

    name: str
    sha256: str
    size: int
    how_to_get: str

    def locate(self) -> Path:
        """The file; EncoderUnavailable with `how_to_get` if it is not there."""
        found = self.find()
        if found is None:
            raise EncoderUnavailable(f"{self.name} with sha256 {self.sha256[:12]}… is not in the folder MMER_MODELS: {self.how_to_get}")
        return found

    def find(self) -> Path | None:
        """Where the file is on this machine, under any name, or None."""
        return _first(in_models_folder(Path(self.name).suffix), self.size, self.sha256)


@dataclass(frozen=True)
class ConvertedFile:
    """A file that a person makes from a published one, found by its name: its hash is recorded, but was not known before.

    Attributes:
        name: of the file in `MMER_MODELS`.
        how_to_get: what to do, after a colon.
    """

    name: str
    how_to_get: str

    def locate(self) -> Path:
        """The file; EncoderUnavailable with `how_to_get` if it is not there."""
        found = self.find()
        if found is None:
            raise EncoderUnavailable(f"{self.name} is not in the folder MMER_MODELS: {self.how_to_get}")
        return found

    def find(self) -> Path | None:
        """Where the file is on this machine, or None."""
        return next((p for p in in_models_folder(Path(self.name).suffix) if p.name == self.name), None)


def in_models_folder(suffix: str) -> Iterator[Path]:
    """Files of this suffix in `MMER_MODELS`, however deep, in the order of their paths."""
    models = models_folder()
    if models is not None and models.is_dir():
        yield from sorted(p for p in models.rglob(f"*{suffix}") if p.is_file())


@cache
def hub_answers() -> bool:
    """Whether the model hub can be reached; asked once, and never where `HF_HUB_OFFLINE` is set. The hub's own client would try for 20 s."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return False
    try:
        with urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=HUB_SECONDS):
            return True
    except OSError:  # no name, no route, a refusal, a time-out: all mean that nothing can be fetched
        return False


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Inside, torch draws from this seed; afterwards it goes on where it was. For encoders that are built without their published weights."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def random_revision(seed: int) -> str:
    """What the spec of such an encoder says, so that its features never mix with real ones."""
    return f"random-{seed}"


def _first(paths: Iterator[Path], size: int, sha256: str) -> Path | None:
    return next((path for path in paths if path.stat().st_size == size and sha256_of(path) == sha256), None)
