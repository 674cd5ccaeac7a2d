"""Sentence vectors: a BERT network over windows of a text, with the turns before it as context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from mmer_core.checkpoint import sha256_of
from mmer_core.clip import Absent, Clip
from mmer_core.encoders.backends.bert_network import BertNetwork, merge_adapters, pool
from mmer_core.encoders.backends.passages import passages
from mmer_core.encoders.backends.phrases import PAIRS, Phrases
from mmer_core.encoders.backends.plain_text import plain_text
from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.device import Device
from mmer_core.encoders.pretrained import PretrainedEncoder
from mmer_core.labels import Modality
from mmer_core.media.language import foreign

NO_WORDS = "no words: nothing was said or typed"
_SHORTEST_TURN = 4  # tokens of an earlier turn that are worth reading
ADAPTER_PREFIX = "adapter."  # of a delta's tensors; other tensors in the file belong to something else


class Window(NamedTuple):
    """Token ids that are read at once; the first `context` of them belong to earlier turns and are not
    pooled.
    """

    tokens: list[int]
    context: int = 0


class SentenceEncoder(PretrainedEncoder):
    """A BERT network whose pooled vector stands for a sentence; behind it, with `phrases`, the logits of the
    sentence's phrases.

    Attributes:
        spec: its record.
        network: in evaluation mode.
        window: tokens read at once, the two marks at the ends included; a long text gives one row for each
            sentence or window.
        context: tokens of the turns before an utterance that are read with it; 0 for a network that was not
            trained to.
        marks: token ids of the mark before a window and the one after it.
    """

    network: BertNetwork

    def __init__(
        self,
        network: BertNetwork,
        tokenizer: Tokenizer,
        spec: EncoderSpec,
        window: int = 256,
        context: int = 0,
        *,
        phrases: Phrases | None = None,
        device: Device = "cpu",
    ) -> None:
        super().__init__(network, device)
        self.spec = spec
        self.window = window
        self.context = context
        self._phrases = phrases
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.marks = tokenizer.encode("").ids

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32, one row of length 1 for a short text, and for each sentence of a long one.

        Raises:
            Absent: the clip has no words.
        """
        windows = self.readings(clip.text or "")
        if not windows:
            raise Absent(clip.absent.get(Modality.TEXT, NO_WORDS))
        return self._embed(self.in_dialogue(windows, clip.dialogue.previous if clip.dialogue else ()))

    def encode_texts(
        self, texts: Sequence[str], previous: Sequence[Sequence[str]] | None = None, batch: int = 64
    ) -> list[np.ndarray]:
        """`encode` for many texts at once, (T, D) each; T is 0 where there are no words.

        Args:
            texts: N texts; they are sorted by length, so that little is padding.
            previous: the turns before each text, oldest first; only encoders with `context` read them.
            batch: windows that are computed at once.
        """
        owners: list[int] = []
        rows: list[Window] = []
        for owner, text in enumerate(texts):
            windows = self.in_dialogue(self.readings(text), previous[owner] if previous else ())
            owners += [owner] * len(windows)
            rows += windows
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
        vectors = np.zeros((len(rows), self.spec.dim), dtype=np.float32)
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            vectors[index] = self._embed([rows[i] for i in index])
        owner_of = np.asarray(owners, dtype=np.int64)
        return [vectors[owner_of == owner] for owner in range(len(texts))]

    def warnings(self, clip: Clip) -> Iterator[str]:
        """A sentence if the text is not English."""
        if foreign(clip.text or "") is not None:
            yield "The words do not look like English, the only language that their encoder knows."

    def readings(self, text: str) -> list[list[int]]:
        """Token ids of what is read one at a time: a short text, or each sentence of a long one."""
        parts = passages(text, lambda part: len(self._pieces(part).ids))
        return [window for part in parts for window in self.windows(part)]

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of each window of a text, marks included; empty if there are no words."""
        ids = self._pieces(text).ids
        size = self.window - 2
        first, last = self.marks
        return [[first, *ids[start : start + size], last] for start in range(0, len(ids), size)]

    def in_dialogue(self, windows: Sequence[list[int]], previous: Sequence[str]) -> list[Window]:
        """The windows of a text behind the turns before it: as many of the last as `context` tokens hold, the
        oldest without its beginning.
        """
        first, last = self.marks
        turns: list[int] = []
        for turn in reversed(previous):
            room = self.context - len(turns) - 1
            if room < _SHORTEST_TURN:
                break
            ids = self._pieces(turn).ids
            turns = [*ids[-room:], last, *turns] if ids else turns
        if not turns:
            return [Window(window) for window in windows]
        return [Window([first, *turns, *window[1:]], 1 + len(turns)) for window in windows]

    def _pieces(self, text: str) -> Encoding:
        """The text as the tokenizer cuts it, without marks."""
        return self._tokenizer.encode(plain_text(text), add_special_tokens=False)

    def _embed(self, windows: Sequence[Window]) -> np.ndarray:
        """(T, D) float32 for T windows."""
        tokens, mask = pad_tokens([window.tokens for window in windows])
        vectors = self.compute(
            lambda t, m, own: pool(self.network(t, m), own), tokens, mask, own_tokens(mask, windows)
        )
        if self._phrases is None:
            return vectors
        own = [
            window.tokens if not window.context else [self.marks[0], *window.tokens[window.context :]]
            for window in windows
        ]
        return np.concatenate([vectors, np.stack([self._phrases.logits(tokens) for tokens in own])], axis=1)


def pad_tokens(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids of B windows as (B, T) int64, and (B, T) bool, True where there is a token."""
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(int(lengths.max()))[None, :] < lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.int64)
    tokens[mask] = torch.tensor([i for row in rows for i in row])
    return tokens, mask


def own_tokens(mask: Tensor, windows: Sequence[Window]) -> Tensor:
    """(B, T) bool: the mask of `pad_tokens` without the turns before each text."""
    return mask & (
        torch.arange(mask.shape[1])[None, :] >= torch.tensor([window.context for window in windows])[:, None]
    )


class Delta(NamedTuple):
    """Additions of a delta file to a published network: to its revision (nothing without a file), and a table
    of phrases.
    """

    revision: str = ""
    phrases: Phrases | None = None


def merge_delta(network: BertNetwork, delta: Path | None) -> Delta:
    """Add the adapters in a delta file to the network.

    Raises:
        EncoderUnavailable: the file cannot be read.
        ValueError: it does not fit.
    """
    if delta is None:
        return Delta()
    try:
        tensors = load_file(delta)
    except (OSError, SafetensorError) as error:
        raise EncoderUnavailable(
            f"the text adapters {delta.name} cannot be read ({error}): restore the file or train it again"
        ) from error
    prefix = ADAPTER_PREFIX
    merge_adapters(network, {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
    phrases, expected = Phrases.from_tensors(tensors), network.options.vocabulary + PAIRS
    if phrases and len(phrases.table) != expected:
        raise ValueError(
            f"the table of phrases in {delta.name} has {len(phrases.table)} rows, this network needs "
            f"{expected}: train it for this encoder"
        )
    return Delta(f"+{sha256_of(delta)}", phrases)


def sentence_spec(
    name: str, network: BertNetwork, provenance: tuple[str, str], *, delta: Delta, context: int
) -> EncoderSpec:
    """The record of a `SentenceEncoder` with Apache-2.0 weights of that source and revision, and the
    additions of this project.
    """
    source, revision = provenance
    return EncoderSpec(
        name=name,
        modality=Modality.TEXT,
        dim=network.options.width + (len(delta.phrases.bias) if delta.phrases else 0),
        source=source + (" with adapters of this project" if delta.revision else ""),
        revision=revision + delta.revision,
        licence="Apache-2.0; adapters for research, non-commercial use" if delta.revision else "Apache-2.0",
        preprocessing="plain quotes and dashes, uncased WordPiece, texts over 64 pieces by the sentence, "
        "repetitions once, windows of 256 tokens, mean of the tokens scaled to length 1"
        + (f", up to {context} tokens of the turns before" if context else "")
        + ("; logits of the phrases" if delta.phrases else ""),
        timing="sentences",
        reads_dialogue=context > 0,
    )
