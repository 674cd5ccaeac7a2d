"""Pairs made from utterances of the same class, and the comparison of what can be learned from them."""

from dataclasses import replace

import numpy as np
import pytest
from feature_tables import make_table

from mmer_core.crossval.experiment import Study
from mmer_core.default_model import fusing, pairing
from mmer_core.default_model.pairing import LEARNED, REFERENCE, compare_pairings, paired_anew, report
from mmer_core.folds import FoldPlan, cut
from mmer_core.labels import Modality

TABLE = make_table(180, speakers=10)
FOLDS = cut(FoldPlan(folds=3), y=TABLE.y, groups=TABLE.groups, labels=TABLE.labels)


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_keeps_the_class_and_stays_in_its_part(seed):
    fold = FOLDS[0]
    drawn = paired_anew(TABLE, [fold.train, fold.inner], seed)
    first, *others = TABLE.modalities
    assert (drawn.columns[first].start == TABLE.columns[first].start).all()
    owner = {m: {int(s): i for i, s in enumerate(TABLE.columns[m].start)} for m in others}
    for m in others:
        lender = np.array([owner[m][int(s)] for s in drawn.columns[m].start])
        assert (TABLE.y[lender] == TABLE.y).all()
        assert (lender[fold.test] == fold.test).all()
        for part in (fold.train, fold.inner):
            assert set(lender[part]) == set(part)
        assert (lender[fold.train] != fold.train).mean() > 0.8


def test_every_method_is_tested_on_real_pairs_of_every_fold(monkeypatch):
    monkeypatch.setattr(fusing, "DRAWS", 500)
    monkeypatch.setattr(pairing, "LEARNED", {name: replace(config, epochs=2) for name, config in LEARNED.items()})
    table = TABLE.using([Modality.AUDIO, Modality.VISUAL])
    scored = compare_pairings(Study(table, FOLDS))
    methods = [s.method for s in scored]
    assert {f"{m} alone" for m in table.modalities} | {REFERENCE} <= set(methods)
    assert {f"{name}, {how}" for name in LEARNED for how in ("unpaired draws", "real pairs")} <= set(methods)
    by_name = {s.method: s for s in scored}
    assert by_name[REFERENCE].against_product.difference.value == 0
    assert all(s.against_product.n == sum(len(f.test) for f in FOLDS) for s in scored)
    best_single = max(by_name[f"{m} alone"].accuracy.value for m in table.modalities)
    assert by_name[REFERENCE].accuracy.value > best_single - 0.05
    text = report(scored)
    assert all(f"| {method} |" in text for method in methods)
