from mmer_core.evaluation.published import PUBLISHED, lines
from mmer_core.metrics import SCORES


def test_every_figure_has_a_source_and_says_how_its_split_relates():
    for figure in PUBLISHED:
        assert figure.source
        assert figure.split.endswith(".")
        assert set(figure.scores) <= set(SCORES)
        assert all(0 < value < 1 for value in figure.scores.values())


def test_only_figures_of_the_same_task_and_score_are_drawn():
    assert {f.scores["accuracy"] for f in lines("ravdess", 8, "accuracy")} == {0.867, 0.818, 0.602}
    assert lines("ravdess", 4, "accuracy") == ()
    assert lines("ravdess", 8, "ua") == ()
    (meld,) = lines("meld", 7, "weighted_f1")
    assert "not the same utterances" in meld.split
    assert {f.kind for f in lines("crema_d", 6, "accuracy")} == {"people"}


def test_titles_are_unique_within_a_task():
    keys = [(f.corpus, f.classes, f.title) for f in PUBLISHED]
    assert len(keys) == len(set(keys))
