"""An encoder with options as one text: "minilm", "bert:sequence=yes", "clip:look=face:random_init=0"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mmer_core import encoders, options
from mmer_core.encoders.base import ModalityEncoder

_VIEW = options.Option("augment", int, options.REQUIRED, "Augment", "which changed copy of the clip is read")


@dataclass(frozen=True)
class EncoderRequest:
    """An encoder and its options.

    Attributes:
        name: in the registry.
        options: (option, value) in alphabetical order, as text; only what was asked for.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "name:option=value:option=value"; a bare option means yes.

        Raises:
            ValueError: no such encoder.
        """
        name, *parts = text.strip().split(":")
        encoders.modality_of(name)
        pairs = [part.partition("=") for part in parts if part.strip()]
        options = {
            option.strip().replace("-", "_"): value.strip() if equals else "yes"
            for option, equals, value in pairs
        }
        return cls(name, tuple(sorted(options.items())))

    def __str__(self) -> str:
        """The text that `parse` reads; two requests for the same have the same."""
        return ":".join([self.name, *(f"{option}={value}" for option, value in self.options)])

    def create(self, threads: int | None = None, device: str | None = None) -> ModalityEncoder:
        """Build the encoder.

        Args:
            threads: of the processor, for encoders that take this option; they change how fast it is, not
                what it gives.
            device: "auto", "cpu", "cuda" or "mps", for encoders that take this option.

        Raises:
            ValueError: an option that it does not have, or a value of the wrong kind.
            EncoderUnavailable: its weights cannot be had.
        """
        factory = encoders.factory(self.name)
        owner = f"the encoder {self.name}"
        asked = dict(self.options)
        view = asked.pop("augment", None)
        values = {name: options.parse_value(factory, name, text, owner) for name, text in asked.items()}
        known = {option.name for option in options.options_of(factory)}
        for name, value in {"threads": threads, "device": device}.items():
            if value is not None and name in known:
                values.setdefault(name, value)
        encoder = factory(**values)
        if view is None:
            return encoder
        # loads OpenCV, which most commands do not need to start
        from mmer_core.encoders.augmented import AugmentedEncoder

        return AugmentedEncoder(encoder, _VIEW.parse(view, owner))
