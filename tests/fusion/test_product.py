"""The product of experts: prior correction, heads, what a single modality answers, and how it is combined."""

import numpy as np
import pytest
import torch

from mmer_core import fusion
from mmer_core.features.batch import collate
from mmer_core.fusion.combination import WEIGHT_RANGE, combination_weights
from mmer_core.fusion.product import FEWEST
from mmer_core.labels import Modality, subsets

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
DIMS = {Modality.TEXT: 3, Modality.AUDIO: 4, Modality.VISUAL: 5}
FRAMES = {m.value: {"name": "frames"} for m in THREE}


def product(dims=DIMS, classes=7, **options):
    """An untrained product of linear classifiers on raw frames."""
    chosen = {m: head for m, head in FRAMES.items() if m in dims}
    return fusion.create("product", dims=dims, classes=classes, **{"heads": chosen, **options}).eval()


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = product()
    made.expert_log_prior.copy_(torch.log_softmax(torch.randn(3, 7), dim=-1))
    made.temperature.copy_(torch.tensor([2.0, 0.5, 1.0]))
    made.weight.copy_(torch.rand(8, 3))
    for i in range(3):
        made.weight[1 << i] = 1.0
    return made


def batch(rows=4, frames=3):
    rng = torch.Generator().manual_seed(1)
    samples = [
        {
            m: torch.randn(frames if m is not Modality.TEXT else 1, d, generator=rng).numpy()
            for m, d in DIMS.items()
        }
        for _ in range(rows)
    ]
    return collate(samples, DIMS)


def test_a_modality_alone_answers_its_own_calibrated_posterior(model):
    for i, modality in enumerate(THREE):
        output = model(batch().using({modality}))
        assert torch.allclose(
            output.logits,
            torch.log_softmax(output.unimodal[modality] / model.temperature[i], dim=-1),
            atol=1e-6,
        )


def test_bayes_rule_on_independent_experts():
    """Two experts that know the exact likelihoods give the exact posterior."""
    model = product(dict.fromkeys(THREE[:2], 2), classes=2)
    prior = torch.tensor([0.8, 0.2])
    model.set_prior(prior)
    likelihood = {THREE[0]: torch.tensor([[0.3, 0.6]]), THREE[1]: torch.tensor([[0.5, 0.1]])}
    posteriors = {m: (v * prior).log() for m, v in likelihood.items()}
    logits, _ = model.combine(posteriors, torch.ones(1, 2, dtype=torch.bool))
    exact = prior * likelihood[THREE[0]] * likelihood[THREE[1]]
    assert torch.allclose(logits.exp(), exact / exact.sum(), atol=1e-6)


def test_a_subset_answers_under_the_mean_of_its_experts_priors(model):
    present = torch.tensor([[True, False, True]])
    mean = (model.expert_log_prior[0] + model.expert_log_prior[2]) / 2
    assert torch.allclose(model.prior_of(present)[0], mean.log_softmax(0), atol=1e-6)


def test_each_expert_is_asked_once_for_all_subsets(model, monkeypatch):
    asked = []
    monkeypatch.setattr(
        type(model),
        "_expert",
        lambda self, m, features: asked.append(m) or torch.zeros(len(features.valid), 7),
    )
    model.subset_logits(model.read(batch()), list(subsets(THREE)))
    assert asked == list(THREE)


def test_a_temperature_of_a_modality_divides_its_own_logits(model):
    inputs, warm = model.read(batch()), {Modality.AUDIO: torch.full((4,), 2.0)}
    chosen = [(Modality.AUDIO,), (Modality.TEXT, Modality.VISUAL)]
    with torch.no_grad():
        (alone, others), (before, unchanged) = (model.subset_logits(inputs, chosen, t) for t in (warm, None))
        own = model.experts(inputs)[Modality.AUDIO] / 0.5
    assert torch.allclose(alone, (own / 2).log_softmax(1), atol=1e-5)
    assert torch.allclose(before, own.log_softmax(1), atol=1e-5)
    assert torch.equal(others, unchanged)


def test_shares_are_the_normalised_weights_of_what_is_present(model):
    shares = model(batch().using({Modality.TEXT, Modality.VISUAL})).weights[0]
    weight = model.weight[0b101]
    assert torch.allclose(shares, torch.tensor([weight[0], 0.0, weight[2]]) / (weight[0] + weight[2]))


class TestCombination:
    """`fit_combination` on held-out pairs."""

    @staticmethod
    def held_out(copies: int, n=400, seed=0):
        """A product of `copies` modalities whose features are the same noisy logits of the class, too sure by
        a factor of 2, and the true classes.
        """
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 3, n)
        x = (np.eye(3)[y] * 2 + rng.normal(size=(n, 3))).astype(np.float32)
        dims = dict.fromkeys(THREE[:copies], 3)
        model = product(dims, classes=3)
        for classifier in model.classifiers.values():
            torch.nn.init.zeros_(classifier.linear.bias)
            classifier.linear.weight.data = 4 * torch.eye(3)
        return model, model.read(collate([dict.fromkeys(dims, row) for row in x], dims)), torch.from_numpy(y)

    def test_an_expert_that_is_too_sure_gets_a_temperature_above_one(self):
        model, inputs, y = self.held_out(1)
        model.fit_combination(inputs, y)
        assert float(model.temperature[0]) == pytest.approx(2, rel=0.25)

    def test_two_experts_that_say_the_same_share_the_weight(self):
        model, inputs, y = self.held_out(2)
        model.fit_combination(inputs, y)
        weight = model.weight[0b11]
        assert float(weight.sum()) == pytest.approx(1, abs=0.15)
        assert (model.weight[0b01][0], model.weight[0b10][1]) == (1, 1)

    def test_weights_of_a_subset_that_hardly_occurs_stay(self):
        model, inputs, y = self.held_out(2, n=FEWEST - 1)
        model.fit_combination(inputs, y)
        assert (model.weight == 1).all()

    def test_weights_stay_in_their_range(self):
        generator = torch.Generator().manual_seed(0)
        y = torch.randint(0, 3, (200,), generator=generator)
        good = 3 * torch.nn.functional.one_hot(y, 3).float()
        bad = torch.randn(200, 3, generator=generator)
        weights = combination_weights(torch.stack([good, bad], 1), torch.zeros(1, 3), y)
        assert weights.tolist() == pytest.approx([WEIGHT_RANGE[1], WEIGHT_RANGE[0]], abs=0.1)
        assert weights.min() >= WEIGHT_RANGE[0]
        assert weights.max() <= WEIGHT_RANGE[1]


class TestHeads:
    """Modalities that are not read by a perceptron."""

    def test_heads_and_perceptrons_go_together(self):
        heads = {"text": {"name": "words", "options": {"hidden": 4}}, "visual": {"name": "frames"}}
        model = product(heads=heads)
        assert model(batch()).logits.isfinite().all()
        assert [name for name, _ in model.named_children() if name == "classifiers"]
        assert model.options.heads == heads
        again = fusion.create("product", dims=DIMS, classes=7, **model.options.to_json()).eval()
        again.load_state_dict(model.state_dict())
        assert torch.equal(again(batch()).logits, model(batch()).logits)

    def test_a_head_gets_the_features_as_they_are(self):
        model = product()
        model.fit_scaling(batch())
        rows = batch()
        assert torch.equal(model.read(rows)[Modality.AUDIO].x, rows.x[Modality.AUDIO])
        assert not any(name.startswith("standardizers") for name in model.state_dict())

    @pytest.mark.parametrize(
        ("heads", "reason"),
        [
            (
                {"text": {"name": "quantum"}},
                "unknown head 'quantum': choose one of frames, mean, voice, words",
            ),
            ({"text": "frames"}, 'write {"name": "frames", "options": {}}'),
            ({"metadata": {"name": "frames"}}, "heads names metadata, which this network does not read"),
            ({"text": {"name": "words", "options": {"depth": 2}}}, "the head words cannot be built"),
            ({"audio": {"name": "voice"}}, r"reads 576 \+ 64 \+ 10 columns, the encoder gives 4"),
        ],
    )
    def test_a_head_that_cannot_be_built_says_why(self, heads, reason):
        with pytest.raises(ValueError, match=reason):
            product(heads=heads)
