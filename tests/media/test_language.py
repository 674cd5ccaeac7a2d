"""The language of a text: English in all its forms stays, others are named, nonsense is no language."""

import pytest

from mmer_core.media.language import LANGUAGES, foreign, mostly_english, says_something


@pytest.mark.parametrize(
    "text",
    [
        "I can't believe you came all this way to see me!",
        "Ewww, that is gross",
        "lmao that is hilarious",
        "I looooove it sooo much",
        "omg wtf lol",
        "I'm sad",
        "ok",
        "Nooooo!!!",
        "thx u",
        "hahahaha",
        "I love Paris",
        "WHAT ARE YOU DOING?!",
        "Oh no you did not 😬🙄🥴🤪🧐",
        "Photosynthesis converts light energy into chemical energy.",
        "@anna see https://example.org/schön #müde so tired of this",
        "ｗｈａｔ a lovely d\u200bay",
        "Wait-wait-wait-wait!!",
    ],
)
def test_english_in_all_its_forms_is_english(text):
    assert foreign(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Das schwarze Stück Papier befindet sich da oben", "German"),
        ("Ich bin so traurig", "German"),
        ("Questo è terribile, non ci posso credere", "Italian"),
        ("Ti amo tanto", "Italian"),
        ("Estoy muy triste", "Spanish"),
        ("Je suis content", "French"),
        ("我很难过", "Chinese"),
        ("Мені дуже сумно сьогодні", "Ukrainian"),
        ("أنا حزين جدا اليوم", "Arabic"),
    ],
)
def test_other_languages_are_named(text, language):
    assert foreign(text) == language


@pytest.mark.parametrize("text", ["Estoy triste", "Hola", "asdf qwer zxcv"])
def test_too_little_to_name_is_still_not_english(text):
    assert foreign(text) == ""


@pytest.mark.parametrize("text", ["", "?", "12", "😭😭", ":-)", "..."])
def test_what_has_no_words_is_of_no_language(text):
    assert foreign(text) is None


@pytest.mark.parametrize(
    ("text", "something"),
    [
        ("?", False),
        ("...!", False),
        ("\u200b", False),
        (":(", True),
        ("<3", True),
        ("😭", True),
        ("7", True),
        ("a", True),
    ],
)
def test_marks_alone_say_nothing(text, something):
    assert says_something(text) is something


def test_a_corpus_is_english_if_most_of_its_texts_are():
    english = ["I never said that to her."] * 19
    assert mostly_english([*english, "Ich bin so traurig heute"])
    assert not mostly_english(["Ich bin so traurig heute"] * 3 + english[:3])
    assert mostly_english([])


def test_the_detector_knows_every_language_that_is_told_apart():
    from py3langid import langid

    known = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    assert set(LANGUAGES) <= {name for name, _ in known.rank("hello")}
