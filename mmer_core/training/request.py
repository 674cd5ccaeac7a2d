"""Everything that one training needs: JSON, command-line flags and a form say the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from mmer_core.training.request_fields import DEFAULT_PRESET, Damaged, Device, RequestFields

__all__ = ["DEFAULT_PRESET", "Damaged", "Device", "TrainRequest"]


@dataclass(frozen=True)
class TrainRequest(RequestFields):
    __doc__ = RequestFields.__doc__

    def to_flags(self) -> list[str]:
        """Return the flags of `mmer train` that say the same; `from_flags` gives an equal request."""
        from mmer_core.training.request_flags import flags_of

        return flags_of(self)

    @classmethod
    def from_flags(cls, flags: Sequence[str]) -> Self:
        """Build from the flags of `mmer train`.

        Raises:
            ValueError: an unknown flag or a wrong value, in one sentence.
        """
        from mmer_core.training.request_flags import json_of_flags

        return cls.from_json(json_of_flags(flags))

    @property
    def command(self) -> tuple[str, ...]:
        """The command that repeats this training, into a folder of its own."""
        flags = replace(self, out="", name="").to_flags()
        return ("python", "-m", "mmer_core", "train", *flags)
