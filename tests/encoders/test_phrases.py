"""A linear classifier on a sentence's pieces and their pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mmer_core.clip import Clip, Dialogue
from mmer_core.encoders.backends.phrases import PAIRS, Phrases, rows_of
from mmer_core.encoders.minilm import MiniLmEncoder

VOCABULARY = 30522
TOKENS = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=60)


@given(TOKENS)
def test_rows_are_distinct_and_lie_in_the_table(tokens):
    rows = rows_of(tokens, VOCABULARY)
    assert len(set(rows.tolist())) == len(rows)
    assert rows.min() >= 0
    assert rows.max() < VOCABULARY + PAIRS
    assert set(tokens) == {row for row in rows.tolist() if row < VOCABULARY}


def test_the_order_of_pieces_counts_by_their_pairs():
    one, other = (set(rows_of(tokens, VOCABULARY).tolist()) for tokens in ([5, 6, 7], [7, 6, 5]))
    assert {5, 6, 7} == one & other
    assert one != other


def test_pairs_are_spread_over_their_rows():
    random = np.random.default_rng(0)
    rows = np.concatenate([rows_of(random.integers(0, VOCABULARY, 2), VOCABULARY) for _ in range(4000)])
    assert len(np.unique(rows[rows >= VOCABULARY])) > 0.8 * PAIRS * (1 - np.exp(-4000 / PAIRS))


@pytest.fixture(scope="module")
def phrases():
    random = np.random.default_rng(0)
    return Phrases(
        random.normal(size=(VOCABULARY + PAIRS, 7)).astype(np.float32), np.arange(7, dtype=np.float32)
    )


@pytest.fixture(scope="module")
def encoder(phrases, tmp_path_factory):
    path = tmp_path_factory.mktemp("delta") / "text.safetensors"
    save_file(phrases.tensors(), path)
    return MiniLmEncoder(delta=path, context=32)


def test_a_repeated_piece_counts_once(phrases):
    assert phrases.logits([5, 5]) == pytest.approx(phrases.logits([5, 5, 5]))


def test_logits_lie_behind_each_vector(phrases, encoder):
    plain = MiniLmEncoder()
    text = "I miss her so much."
    clip = Clip("", "", "text", text=text)
    row = encoder.encode(clip)
    assert encoder.spec.dim == plain.spec.dim + 7 == row.shape[1]
    assert row[:, : plain.spec.dim] == pytest.approx(plain.encode(clip), abs=1e-6)
    assert row[0, plain.spec.dim :] == pytest.approx(phrases.logits(plain.windows(text)[0]), abs=1e-5)
    assert encoder.spec.fingerprint != plain.spec.fingerprint


def test_phrases_are_those_of_the_utterance_not_of_the_turns_before(encoder):
    text = "Sure."
    alone = encoder.encode(Clip("", "", "text", text=text))
    in_dialogue = encoder.encode(
        Clip("", "", "text", text=text, dialogue=Dialogue(1, 2, 0.0, ("I lost my job yesterday.",)))
    )
    assert in_dialogue[0, -7:] == pytest.approx(alone[0, -7:])
    assert in_dialogue[0, :-7] != pytest.approx(alone[0, :-7], abs=1e-3)


def test_each_window_of_a_long_text_has_its_own(encoder):
    rows = encoder.encode(Clip("", "", "text", text="happy " * 300 + "sad " * 100))
    assert len(rows) == 2
    assert rows[0, -7:] != pytest.approx(rows[1, -7:])


def test_a_table_for_another_network_is_refused(phrases, tmp_path):
    save_file(Phrases(phrases.table[4:], phrases.bias).tensors(), tmp_path / "text.safetensors")
    with pytest.raises(
        ValueError, match=r"phrases in text\.safetensors has 46902 rows, this network needs 46906"
    ):
        MiniLmEncoder(delta=tmp_path / "text.safetensors")
