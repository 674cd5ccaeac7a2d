"""What arrives while a batch is gathered, or while another is worked on, is done in one call."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from mmer_core.encoders.base import EncoderUnavailable
from mmer_core.labels import Modality
from mmer_core.media.loading import text_clip
from mmer_core.service.batching import Batcher
from mmer_core.service.sentences import Sentence, answer_sentences


class Doubling:
    """Doubles numbers, and keeps the batches; the first call waits for `release`."""

    def __init__(self):
        self.batches, self.begun, self.release = [], threading.Event(), threading.Event()

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.begun.set()
        assert self.release.wait(60)
        return [ValueError("three") if n == 3 else 2 * n for n in numbers]


@pytest.fixture
def work():
    return Doubling()


@pytest.fixture
def batcher(work):
    made = Batcher(work, window=0.0, most=4)
    yield made
    work.release.set()
    made.close()
    made.join()


def test_what_waits_is_done_together_up_to_the_most(batcher, work):
    first = batcher.submit(0)
    assert work.begun.wait(60)
    others = [batcher.submit(n) for n in (1, 2, 4, 5, 6)]
    work.release.set()
    assert [future.result(60) for future in (first, *others)] == [0, 2, 4, 8, 10, 12]
    assert work.batches == [[0], [1, 2, 4, 5], [6]]


def test_a_window_gathers_what_arrives_shortly_after(work):
    work.release.set()
    batcher = Batcher(work, window=30.0, most=8)  # ends when eight are there
    with ThreadPoolExecutor(8) as pool:
        futures = [future.result() for future in [pool.submit(batcher.submit, 10 + n) for n in range(8)]]
    assert sorted(future.result(60) for future in futures) == [20 + 2 * n for n in range(8)]
    assert [sorted(batch) for batch in work.batches] == [list(range(10, 18))]
    batcher.close()
    batcher.join()


def test_an_item_that_fails_does_not_spoil_the_others(batcher, work):
    first = batcher.submit(0)
    assert work.begun.wait(60)
    fails, other = batcher.submit(3), batcher.submit(4)
    work.release.set()
    assert (first.result(60), other.result(60)) == (0, 8)
    with pytest.raises(ValueError, match="three"):
        fails.result(60)


def test_what_is_cancelled_is_not_done(batcher, work):
    batcher.submit(0)
    assert work.begun.wait(60)
    given_up, other = batcher.submit(1), batcher.submit(2)
    assert given_up.cancel()
    work.release.set()
    assert other.result(60) == 4
    assert work.batches == [[0], [2]]


def test_closing_finishes_the_batch_in_hand_and_cancels_the_rest(batcher, work):
    running = batcher.submit(0)
    assert work.begun.wait(60)
    waiting = batcher.submit(1)
    batcher.close()
    work.release.set()
    assert running.result(60) == 0
    with pytest.raises(CancelledError):
        waiting.result(60)
    batcher.join()


def sentence(text, use=(Modality.TEXT,)):
    return Sentence(text_clip(text), use)


def test_together_and_alone_are_the_same(model, slow_words):
    slow_words.release.set()
    texts = ["I am glad", "go away", "oh no"]
    together = answer_sentences(model, [sentence(text) for text in texts])
    assert slow_words.batches == [texts]
    alone = [model.predict(text_clip(text), [Modality.TEXT]) for text in texts]
    assert [p.probabilities for p in together] == [p.probabilities for p in alone]
    assert all("text" in p.timings for p in together)


def test_sentences_without_words_switched_on_are_not_encoded(model, slow_words):
    slow_words.release.set()
    use = (Modality.AUDIO,)
    found = answer_sentences(model, [sentence("one", use), sentence("two", use), sentence("three")])
    assert slow_words.batches == [["three"]]
    assert [p.used for p in found] == [(), (), (Modality.TEXT,)]


def test_an_encoder_that_cannot_read_one_of_them_is_asked_for_each(model, slow_words, monkeypatch):
    slow_words.release.set()
    inner = slow_words.encode

    def encode_texts(texts, previous=None):
        raise EncoderUnavailable("the other language is not installed")

    def encode(clip):
        if clip.text == "bonjour":
            encode_texts([clip.text])
        return inner(clip)

    monkeypatch.setattr(slow_words, "encode_texts", encode_texts)
    monkeypatch.setattr(slow_words, "encode", encode)
    hello, bonjour = answer_sentences(model, [sentence("hello you"), sentence("bonjour")])
    assert hello.used == (Modality.TEXT,)
    assert bonjour.absences["words"] == "the other language is not installed"
