from dataclasses import replace

import numpy as np
import pytest
import torch
from feature_tables import make_table

from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

CONFIG = TrainingConfig(epochs=3, sentiment_weight=0.5)
TRAIN, VALIDATION = np.arange(60), np.arange(60, 90)


def test_to_the_outside_it_has_the_emotions_only():
    table = make_table(sentiment=True)
    model = loop.build("early", {}, table, CONFIG, 0)
    loop.fit(model, table, TRAIN, VALIDATION, CONFIG, seed=0)
    output = model(table.batch(VALIDATION))
    assert output.logits.shape == (30, 3)
    nothing = model(table.batch(VALIDATION).using(()))
    torch.testing.assert_close(nothing.logits.exp().sum(1), torch.ones(30))
    torch.testing.assert_close(
        nothing.logits[0].exp(), torch.bincount(torch.from_numpy(table.y[TRAIN])) / 60, atol=1e-4, rtol=0
    )


def test_sentiment_teaches_what_lies_below_the_heads():
    table = make_table(sentiment=True)
    models = []
    for sentiment in (table.sentiment, np.full(90, -1)):
        model = loop.build("early", {}, table, CONFIG, 0)
        loop.fit(model, replace(table, sentiment=sentiment), TRAIN, VALIDATION, CONFIG, seed=0)
        models.append(model.network.classifier[0].weight)
    assert not torch.equal(*models)


def test_unknown_sentiments_add_nothing():
    table = make_table(sentiment=True)
    model = loop.build("early", {}, table, CONFIG, 0).eval()
    inputs, y = model.read(table.batch(TRAIN)), torch.from_numpy(table.y[TRAIN])
    known = torch.from_numpy(table.sentiment[TRAIN])
    none, some = (float(model.joint_loss(inputs, y, s).detach()) for s in (torch.full_like(known, -1), known))
    assert none == pytest.approx(
        float(torch.nn.functional.cross_entropy(model.decide(inputs).logits.detach(), y))
    )
    assert some > none


def test_it_needs_labels_and_a_layer_to_share():
    with pytest.raises(ValueError, match="this corpus has no sentiment labels: set sentiment_weight to 0"):
        loop.build("early", {}, make_table(), CONFIG, 0)
    with pytest.raises(ValueError, match="choose early or ensemble"):
        loop.build("late_mean", {}, make_table(sentiment=True), CONFIG, 0)
