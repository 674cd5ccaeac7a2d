"""What of a corpus cannot be used, in one sentence."""

from mmer_core.corpora import Problem
from ui.train.unusable import main_reasons, unusable_sentence

PROBLEMS = [
    *(Problem(f"a{i}", f"clip{i}.wav is missing") for i in range(12)),
    *(Problem(f"b{i}", f"unknown label 'x{i}': use one of joy") for i in range(3)),
    Problem("c", "it has neither a file nor words"),
    Problem("d", "the id is empty"),
]


def test_the_main_reasons_are_counted_whatever_they_name():
    assert main_reasons(PROBLEMS) == [
        (12, "clip0.wav is missing"),
        (3, "unknown label 'x0': use one of joy"),
        (1, "it has neither a file nor words"),
    ]


def test_the_sentence_counts_rows_and_those_that_lost_a_part():
    sentence = unusable_sentence(PROBLEMS, ["a0", "u1", "u2"])
    assert sentence.startswith(
        "16 of 19 rows or files cannot be used; 1 row is used without a part. Mainly: "
    )
    assert "clip0.wav is missing (12 such)" in sentence
