"""Sentence vectors, on a tiny random network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from mmer_core.clip import Absent, Clip, Dialogue
from mmer_core.encoders import EncoderSpec, ModalityEncoder
from mmer_core.encoders.backends.bert_network import BertNetwork, BertOptions
from mmer_core.encoders.backends.plain_text import plain_text
from mmer_core.encoders.sentences import SentenceEncoder, own_tokens
from mmer_core.labels import Modality

WORDS = [
    "i",
    "am",
    "so",
    "happy",
    "sad",
    "today",
    "the",
    "train",
    "is",
    "late",
    "what",
    "a",
    "joyful",
    "day",
    "you",
    "were",
    "there",
    ".",
]
TINY = BertOptions(vocabulary=4 + len(WORDS), positions=64, width=24, hidden=48, layers=2, heads=4)
SPEC = EncoderSpec("tiny", Modality.TEXT, TINY.width, "this test", "random-0", "MIT", "words")


def say(text: str | None) -> Clip:
    return Clip("typed", "0" * 64, "text", text=text)


def in_dialogue(text: str, *turns: str) -> Clip:
    return replace(say(text), dialogue=Dialogue(len(turns), len(turns) + 1, 0.0, turns))


@pytest.fixture
def tiny() -> SentenceEncoder:
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    return SentenceEncoder(BertNetwork(TINY), tokenizer, SPEC, window=10)


class TestContract:
    def test_one_sentence_gives_one_vector_of_length_one(self, tiny):
        features = tiny.encode(say("I am so happy today"))
        assert isinstance(tiny, ModalityEncoder)
        assert features.shape == (1, TINY.width)
        assert features.dtype == np.float32
        assert np.linalg.norm(features) == pytest.approx(1, abs=1e-5)

    def test_the_same_words_always_give_the_same_features(self, tiny):
        assert np.array_equal(tiny.encode(say("what a day")), tiny.encode(say("what a day")))
        assert not np.allclose(tiny.encode(say("what a day")), tiny.encode(say("what a train")))

    @pytest.mark.parametrize("text", [None, "", "  \n\t "])
    def test_no_words_are_absent_with_a_reason(self, tiny, text):
        with pytest.raises(Absent, match="no words: nothing was said or typed"):
            tiny.encode(say(text))

    def test_a_known_reason_for_the_absence_is_passed_on(self, tiny):
        picture = Clip("face.png", "0" * 64, "picture", absent={Modality.TEXT: "a picture has no words"})
        with pytest.raises(Absent, match="a picture has no words"):
            tiny.encode(picture)

    def test_a_long_text_gives_one_row_for_each_window(self, tiny):
        features = tiny.encode(say("happy " * 8 + "sad " * 8 + "late"))
        assert features.shape == (3, TINY.width)
        assert np.allclose(features[0], tiny.encode(say("happy " * 8))[0], atol=1e-6)
        assert np.allclose(features[2], tiny.encode(say("late"))[0], atol=1e-6)

    def test_many_texts_at_once_are_what_each_is_alone(self, tiny):
        texts = ["i am sad", "", "the train is late today and " * 4, "what a joyful day"]
        together = tiny.encode_texts(texts, batch=3)
        assert [len(rows) for rows in together] == [1, 0, 3, 1]
        for text, rows in zip(texts, together, strict=True):
            if text:
                assert np.allclose(rows, tiny.encode(say(text)), atol=1e-6)
        assert tiny.encode_texts([]) == []

    def test_typographic_marks_do_not_matter(self, tiny):
        assert plain_text(" “It’s…\n fine” – she said ") == '"It\'s... fine" - she said'
        assert np.array_equal(tiny.encode(say("you — were there")), tiny.encode(say("you - were   there")))

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("So that happened 😡!", "So that happened enraged face !"),
            ("😂😂😂 you", "face with tears of joy you"),
            ("👍🏻👍🏿", "thumbs up"),  # the same but for the skin
            ("I ❤️ it", "I red heart it"),
            ("🏳️‍🌈🇨🇦", "rainbow flag Canada"),
            ("Ok :) #1 * 2 日本", "Ok :) #1 * 2 日本"),
        ],
    )
    def test_emoji_are_read_by_their_names(self, text, plain):
        assert plain_text(text) == plain


class TestDialogue:
    def test_earlier_turns_change_the_vector_of_an_utterance(self, tiny):
        tiny.context = 12
        alone, after_joy, after_sorrow = (
            tiny.encode(in_dialogue("what a day", *turns))[0]
            for turns in ((), ("i am happy",), ("i am sad",))
        )
        assert not np.allclose(after_joy, alone, atol=1e-4)
        assert not np.allclose(after_joy, after_sorrow, atol=1e-4)

    def test_an_encoder_without_context_does_not_read_it(self, tiny):
        assert np.array_equal(
            tiny.encode(in_dialogue("what a day", "i am sad")), tiny.encode(say("what a day"))
        )

    def test_only_the_own_words_are_pooled(self, tiny):
        tiny.context = 12
        (window,) = tiny.in_dialogue(tiny.windows("what a day"), ("i am sad",))
        assert window.context == 1 + 3 + 1
        assert window.tokens[window.context :] == tiny.windows("what a day")[0][1:]
        mask = own_tokens(torch.ones(1, len(window.tokens), dtype=torch.bool), [window])
        assert mask.sum() == 4  # three words and the closing mark

    def test_the_latest_turns_fill_the_room_there_is(self, tiny):
        tiny.context = 10
        turns = ("the train is late today .", "i am so happy", "you were there")
        (window,) = tiny.in_dialogue(tiny.windows("what a day"), turns)
        assert window.context <= 1 + tiny.context
        (known,) = tiny.in_dialogue(tiny.windows("what a day"), turns[1:])
        assert window == known  # what is left of the room is too little for the oldest turn
        (cut,) = tiny.in_dialogue(tiny.windows("what a day"), ("the train is late today . " * 3,))
        assert cut.context == 1 + tiny.context

    @pytest.mark.parametrize("turns", [(), ("",), ("  ", "")])
    def test_nothing_before_is_no_context(self, tiny, turns):
        tiny.context = 12
        assert np.array_equal(tiny.encode(in_dialogue("what a day", *turns)), tiny.encode(say("what a day")))

    def test_many_at_once_are_what_each_is_alone(self, tiny):
        tiny.context = 12
        texts, previous = ["what a day", "", "i am so happy " * 4], [("i am sad",), ("you were there",), ()]
        together = tiny.encode_texts(texts, previous, batch=2)
        for text, turns, rows in zip(texts, previous, together, strict=True):
            assert (
                len(rows) == 0
                if not text
                else np.allclose(rows, tiny.encode(in_dialogue(text, *turns)), atol=1e-6)
            )
