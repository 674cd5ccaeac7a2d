"""The studies: fusion without pairs, and the framing of faces."""

from dataclasses import replace

import numpy as np
import pytest
from feature_tables import make_table

from mmer_core.crossval.experiment import Study
from mmer_core.evaluation.folds import FoldPlan, make_folds
from mmer_core.labels import Modality
from mmer_core.media.face_crops import TEMPLATE, Detection
from recipes.face.fer2013 import read_fer2013
from recipes.studies import english_words, pairing, unpaired
from recipes.studies.framing import measure_framing
from recipes.studies.unpaired import LEARNED, REFERENCE, compare_pairings, paired_anew

pytestmark = pytest.mark.long

TABLE = make_table(180, speakers=10)
FOLDS = make_folds(FoldPlan(folds=3), y=TABLE.y, groups=TABLE.groups, labels=TABLE.labels)


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_keeps_the_class_and_stays_in_its_part(seed):
    fold = FOLDS[0]
    drawn = paired_anew(TABLE, [fold.train, fold.validation], seed)
    first, *others = TABLE.modalities
    assert (drawn.columns[first].start == TABLE.columns[first].start).all()
    owner = {m: {int(s): i for i, s in enumerate(TABLE.columns[m].start)} for m in others}
    for m in others:
        lender = np.array([owner[m][int(s)] for s in drawn.columns[m].start])
        assert (TABLE.y[lender] == TABLE.y).all()
        assert (lender[fold.test] == fold.test).all()
        for part in (fold.train, fold.validation):
            assert set(lender[part]) == set(part)
        assert (lender[fold.train] != fold.train).mean() > 0.8


def test_every_method_is_tested_on_real_pairs_of_every_fold(monkeypatch):
    short = {name: replace(config, epochs=2) for name, config in LEARNED.items()}
    monkeypatch.setattr(unpaired, "LEARNED", short)
    monkeypatch.setattr(unpaired, "VIEWS", 2)
    table = TABLE.using([Modality.AUDIO, Modality.VISUAL])
    scored = compare_pairings(Study(table, FOLDS[:2]), draws=500)
    methods = [s.method for s in scored]
    assert {f"{m} alone" for m in table.modalities} | {REFERENCE} <= set(methods)
    assert {f"{name}, {how}" for name in LEARNED for how in ("unpaired draws", "real pairs")} <= set(methods)
    by_name = {s.method: s for s in scored}
    assert by_name[REFERENCE].against_product.difference.value == 0
    assert all(s.against_product.n == sum(len(f.test) for f in FOLDS[:2]) for s in scored)
    best_single = max(by_name[f"{m} alone"].accuracy.value for m in table.modalities)
    assert by_name[REFERENCE].accuracy.value > best_single - 0.05
    text = pairing.report(scored)
    assert all(f"| {method} |" in text for method in methods)
    assert pairing.to_json(by_name[REFERENCE])["against_product"][0] == 0


def test_the_pairing_study_says_what_is_wrong_with_its_flags(capsys):
    with pytest.raises(SystemExit) as ended:
        pairing.main(["--no-such-flag"])
    assert ended.value.code == 2
    assert "--no-such-flag" in capsys.readouterr().err


def test_framing_is_measured_in_shares_of_the_picture(fer2013):
    faces = read_fer2013(fer2013 / "fer2013" / "train.npz")

    def detect(frame, smallest):
        # the detector sees the picture four times as large, with a border of 12 pixels
        box = (np.array([4.0, 0.0, 44.0, 50.0]) + 12) * 4
        return [Detection(box.astype(np.float32), ((TEMPLATE * 48 + 12) * 4 - 0.5).astype(np.float32), 0.99)]

    measured = measure_framing(faces, detect, count=5)
    assert measured["found"] == measured["searched"] == 5
    assert np.array(measured["landmarks"]) == pytest.approx(TEMPLATE, abs=0.002)
    assert measured["frame_per_box"] == pytest.approx(48 / 50, abs=0.01)


def test_words_that_few_comments_have_are_not_known_as_english():
    comments = ["lmao so true", "LMAO what", "lmao, that is so true", "so what", "hapax"]
    assert english_words.frequent(comments) == ["lmao", "so"]
