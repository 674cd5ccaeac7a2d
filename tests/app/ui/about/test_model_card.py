"""The About page's tables show what the model's card holds."""

from mmer_core.checkpoint import read_record
from mmer_core.config import LARGE_CHECKPOINT
from mmer_core.inference.card import AGAINST
from mmer_core.labels import EMOTIONS, LABEL_ALIASES
from ui.about.model_card import card_body, data_list, fused_table, gain_table, label_table, part_table, table


def scores(accuracy: float) -> dict[str, float]:
    return {"n": 1234, "accuracy": accuracy, "ua": 0.5, "macro_f1": 0.4, "weighted_f1": 0.6}


CARD = {
    "data": {
        "text": [
            {"name": "Corpus A", "n": 1000, "licence": "CC BY 4.0"},
            {"name": "Corpus B", "n": 20, "licence": "MIT"},
        ],
        "visual": [{"name": "Faces | all", "n": 5, "licence": "research use"}],
    },
    "figures": {
        "text": {"dev": scores(0.611), "dev_lower_case": scores(0.577)},
        "visual": {
            "cross_validation": {
                "one": {"as_is": scores(0.71) | {"recall": {"joy": 1.0}}, "blurred": scores(0.69)},
                "seconds": 3,
            }
        },
        "fused": {"subsets": {"text": scores(0.55), "text+visual": scores(0.666)}},
    },
}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_every_corpus_is_named_with_its_licence_under_its_modality():
    assert data_list(CARD).splitlines() == [
        "- **Words**",
        "  - Corpus A: 1,000; CC BY 4.0",
        "  - Corpus B: 20; MIT",
        "- **Face**",
        "  - Faces \\| all: 5; research use",
    ]


def test_a_name_cannot_break_a_table():
    assert table(("a", "b"), [("x | y", "z")]).splitlines()[-1] == r"| x \| y | z |"


def test_main_scores_come_without_their_variations():
    assert rows(part_table(CARD)) == [
        ["**Words**", "dev (n = 1,234)", "61.1", "50.0", "60.0"],
        ["**Face**", "cross-validation by speaker, one, as is (n = 1,234)", "71.0", "50.0", "60.0"],
    ]


def test_every_subset_is_listed():
    assert rows(fused_table(CARD)) == [
        ["Words", "55.0", "50.0", "60.0"],
        ["Words + Face", "66.6", "50.0", "60.0"],
    ]


def test_cross_validated_scores_are_shown_with_their_intervals():
    names = ("accuracy", "ua", "weighted_f1")
    row = {**dict.fromkeys(names, 0.5), "intervals": {name: [0.4, 0.6] for name in names}}
    card = {"figures": {"cross_validation": {"subsets": {"audio": row}}}}
    assert rows(fused_table(card)) == [["Voice", *["50.0 [40.0, 60.0]"] * 3]]


def test_each_gain_of_the_large_model_names_the_data_it_was_measured_on():
    row = {"weighted_f1": 0.02, "low": 0.01, "high": 0.03, "p": 0.001}
    gains = {"alone": row, "in dialogue": row, "comments": row | {"weighted_f1": -0.086}}
    card = {"figures": {"text": {AGAINST: gains}}}
    found = rows(gain_table(card))
    assert [cells[0].split(",")[0] for cells in found] == ["MELD", "MELD", "GoEmotions"]
    assert found[-1][1].startswith("−8.6")


def test_the_gains_of_the_shipped_large_model_are_all_named():
    record = read_record(LARGE_CHECKPOINT)
    names = [cells[0] for cells in rows(gain_table(record["card"]))]
    assert all(name.startswith(("MELD, ", "GoEmotions, ")) for name in names)


def test_every_alias_is_listed_with_its_emotion():
    listed = {row[0].split("**")[1]: row[1].split(", ") for row in rows(label_table())}
    assert list(listed) == list(EMOTIONS)
    assert {
        alias: emotion for emotion, aliases in listed.items() for alias in aliases if alias
    } == LABEL_ALIASES


def test_the_card_goes_under_the_pages_headings():
    assert card_body("# Title\n\n## Parts\ntext") == "\n### Parts\ntext"
