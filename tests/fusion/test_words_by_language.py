"""The head for words of two encoders, on random vectors."""

import pytest
import torch

from mmer_core.fusion import heads
from mmer_core.fusion.heads.words import WordsNetwork

ENGLISH, OTHER, CLASSES = 6, 4, 7
DIM = ENGLISH + OTHER + 1


@pytest.fixture
def head():
    torch.manual_seed(0)
    return heads.create("words_by_language", DIM, CLASSES, english=ENGLISH).eval()


def rows(flags):
    """(B, T, D) random numbers with these flags."""
    x = torch.randn(*torch.tensor(flags).shape, DIM, generator=torch.Generator().manual_seed(1))
    x[..., -1] = torch.tensor(flags, dtype=torch.float32)
    return x


def test_english_rows_are_read_bit_for_bit_as_by_the_head_words(head):
    x, pad = rows([[0, 0, 0], [0, 0, 0]]), torch.tensor([[False, False, False], [False, True, True]])
    words = WordsNetwork(ENGLISH, CLASSES).eval()
    words.load_state_dict(head.english.state_dict())
    assert torch.equal(head(x, pad), words(x[..., :ENGLISH], pad))


def test_other_rows_are_read_by_the_other_classifier(head):
    x, pad = rows([[1, 1]]), torch.tensor([[False, False]])
    assert torch.equal(head(x, pad), head.other(x[..., ENGLISH:-1], pad))
    changed = x.clone()
    changed[..., :ENGLISH] = 5.0
    assert torch.equal(head(changed, pad), head(x, pad))


def test_rows_of_both_kinds_are_averaged(head):
    x, none = rows([[0, 1, 1]]), torch.zeros(1, 1, dtype=torch.bool)
    each = [head(x[:, t : t + 1], none) for t in range(3)]
    together = head(x, torch.zeros(1, 3, dtype=torch.bool))
    assert torch.allclose(together, torch.stack(each).mean(0), atol=1e-6)


@pytest.mark.parametrize("flag", [0, 1])
def test_padding_may_hold_anything_and_nothing_else_is_finite(head, flag):
    x, pad = rows([[flag, flag]]), torch.tensor([[False, True]])
    alone = head(x[:, :1], pad[:, :1])
    x[:, 1] = torch.nan
    assert torch.allclose(head(x, pad), alone, atol=1e-6)
    assert head(x, torch.ones(1, 2, dtype=torch.bool)).isfinite().all()


def test_rows_without_room_for_other_languages_are_refused():
    with pytest.raises(ValueError, match="leave no room for other languages"):
        heads.create("words_by_language", ENGLISH + 1, CLASSES, english=ENGLISH)
