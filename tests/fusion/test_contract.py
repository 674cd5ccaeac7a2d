"""What holds for every registered fusion model, whatever its idea: absent modalities, padding, order,
storage, training.
"""

import json
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from synthetic_features import CLASSES, DIMS, make_batch, only, padded, separable_batch, with_presence

from mmer_core import fusion
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.labels import Modality

PRIOR = torch.tensor([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
VARIANTS = [(name, {}) for name in fusion.names()] + [
    ("unimodal", {"pooling": "max"}),
    ("unimodal", {"pooling": "stats"}),
    ("early", {"pooling": "stats", "dropout": 0.5, "input_dropout": 0.2}),
    ("late_mean", {"pooling": "stats"}),
    ("ensemble", {"audio": "mean"}),
    ("mmb", {"pooling": "last"}),
    ("mmb", {"pooling": "cls"}),
    ("mmmla", {"pooling": "average", "max_frames": 4}),
    ("product", {"pooling": "stats", "heads": {"audio": {"name": "frames"}, "text": {"name": "words"}}}),
    ("product", {"pooling": "mean", "heads": {"audio": {"name": "mean", "options": {"hidden": 16}}}}),
]
each_model = pytest.mark.parametrize(
    ("name", "options"),
    VARIANTS,
    ids=["-".join([n, *(str(v) for v in o.values() if not isinstance(v, dict))]) for n, o in VARIANTS],
)


def build(name, options, dims=DIMS, seed=0):
    """A model as it is after training has begun: scaled, with a prior, in use. The unimodal one reads the
    voice where there is one.
    """
    torch.manual_seed(seed)
    if "heads" in options:
        options = {**options, "heads": {m: head for m, head in options["heads"].items() if m in dims}}
    if name == "unimodal":
        options = {"modality": "audio" if Modality.AUDIO in dims else next(iter(dims)), **options}
    model = fusion.create(name, dims=dims, classes=CLASSES, **options)
    model.fit_scaling(make_batch(40, dims=dims, seed=seed + 100))
    model.set_prior(PRIOR)
    for head in (module for module in model.modules() if isinstance(module, MeanNetwork)):
        scale = torch.arange(1, len(head.mean) + 1)  # as in make_batch; a head standardises by itself
        head.mean.copy_(3 * scale)
        head.std.copy_(scale)
    return model.eval()


def close(a, b):
    return torch.allclose(a, b, atol=1e-5, equal_nan=True)


@each_model
def test_shapes_and_ranges(name, options):
    model, batch = build(name, options), make_batch()
    output = model(batch)
    assert output.logits.shape == (len(batch), CLASSES)
    assert output.logits.isfinite().all()
    assert set(output.unimodal) <= set(model.modalities)
    assert all(o.shape == (len(batch), CLASSES) for o in output.unimodal.values())
    if output.weights is not None:
        assert output.weights.shape == (len(batch), len(model.modalities))
        assert close(output.weights.sum(1), torch.ones(len(batch)))


@each_model
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_any_number_of_modalities_as_vectors_or_sequences(name, options, size):
    for chosen in combinations(DIMS, size):
        dims = {m: DIMS[m] for m in chosen}
        for frames in (1, 6):
            output = build(name, options, dims)(make_batch(3, dims=dims, longest=dict.fromkeys(dims, frames)))
            assert output.logits.isfinite().all()


@each_model
def test_nan_in_an_absent_slot_changes_no_bit(name, options):
    model, batch = build(name, options), make_batch()
    for size in range(4):
        for use in combinations(DIMS, size):
            zeros = FeatureBatch(
                {m: v if m in use else torch.zeros_like(v) for m, v in batch.x.items()},
                batch.pad,
                batch.using(use).present,
            )
            assert torch.equal(model(only(batch, use)).logits, model(zeros).logits)


@each_model
@settings(max_examples=15, deadline=None)
@given(present=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_whatever_is_absent_the_answer_is_sound(name, options, present):
    model, mask = build(name, options), torch.tensor(present)
    batch = with_presence(make_batch(len(present)), mask)
    output = model(batch)
    read = torch.stack([batch.column(m) for m in model.modalities], 1)
    assert output.logits.isfinite().all()
    assert torch.equal(output.logits[~read.any(1)], model.log_prior.expand((~read.any(1)).sum(), -1))
    for i, modality in enumerate(model.modalities):
        if modality in output.unimodal:
            assert torch.equal(output.unimodal[modality].isnan().any(1), ~read[:, i])
    if output.weights is not None:
        assert (output.weights[~read] == 0).all()
        assert close(output.weights.sum(1), read.any(1).float())


@each_model
def test_nothing_present_gives_the_class_prior(name, options):
    logits = build(name, options)(make_batch().using(())).logits
    assert torch.equal(logits, PRIOR.log().expand_as(logits))


@each_model
def test_a_sequence_of_nothing_but_padding_is_absent(name, options):
    model, batch = build(name, options), make_batch()
    empty = FeatureBatch(batch.x, {m: torch.ones_like(p) for m, p in batch.pad.items()}, batch.present)
    assert torch.equal(model(empty).logits, model(batch.using(())).logits)


@each_model
def test_padding_does_not_matter(name, options):
    model, batch = build(name, options), make_batch()
    expected, got = model(batch), model(padded(batch, 7))
    assert close(expected.logits, got.logits)
    assert all(close(expected.unimodal[m], got.unimodal[m]) for m in expected.unimodal)


@each_model
@pytest.mark.parametrize("present", [tuple(DIMS), tuple(DIMS)[1:]], ids=["all", "one absent"])
def test_a_vector_is_a_sequence_of_one_frame(name, options, present):
    batch = only(make_batch(longest=dict.fromkeys(DIMS, 1)), present)
    model = build(name, options)
    as_vector, as_sequence = model(batch), model(padded(batch, 3))
    assert close(as_vector.logits, as_sequence.logits)
    assert all(close(as_vector.unimodal[m], as_sequence.unimodal[m]) for m in as_vector.unimodal)


@each_model
def test_neighbours_in_the_batch_and_their_order_do_not_matter(name, options):
    model = build(name, options)
    mask = torch.tensor(
        [[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 1]], dtype=torch.bool
    )
    batch = with_presence(make_batch(), mask)
    logits, order = model(batch).logits, torch.tensor([3, 5, 0, 4, 1, 2])
    assert close(model(batch.take(order)).logits, logits[order])
    for i in range(len(batch)):
        assert close(model(batch.take(torch.tensor([i]))).logits, logits[i : i + 1])


@each_model
def test_the_answer_depends_on_each_modality_that_is_read(name, options):
    """Gradients reach every present branch, and no absent one."""
    model, batch = build(name, options), make_batch()
    for use in (set(DIMS), {Modality.AUDIO, Modality.VISUAL}, {Modality.TEXT, Modality.AUDIO}):
        part = only(batch, use)
        x = {m: v.clone().requires_grad_() for m, v in part.x.items()}
        output = model(FeatureBatch(x, part.pad, part.present))
        model.loss(output, batch.y).backward()
        for modality in model.modalities:
            reached = x[modality].grad is not None and bool((x[modality].grad != 0).any())
            assert reached == (modality in use), modality
            assert x[modality].grad is None or x[modality].grad.isfinite().all()


@each_model
def test_the_same_input_gives_the_same_bits(name, options):
    model, batch = build(name, options), make_batch()
    assert torch.equal(model(batch).logits, model(batch).logits)
    assert torch.equal(build(name, options)(batch).logits, model(batch).logits)


@each_model
def test_weights_scaling_and_prior_survive_safetensors(name, options):
    model, other, batch = build(name, options, seed=1), build(name, options, seed=2), make_batch()
    other.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(other(batch).logits, model(batch).logits)
    assert torch.equal(other(batch.using(())).logits, model(batch.using(())).logits)


@each_model
def test_options_survive_json(name, options):
    model = build(name, options)
    stored = json.loads(json.dumps(model.options.to_json()))
    assert fusion.factory(name).Options.from_json(stored) == model.options
    assert fusion.create(name, dims=DIMS, classes=CLASSES, **stored).options == model.options


@each_model
def test_reading_once_and_deciding_is_the_same_as_asking(name, options):
    model, batch = build(name, options), make_batch()
    inputs = model.read(batch)
    assert torch.equal(model.decide(inputs).logits, model(batch).logits)
    kept = {m: e.keep(torch.full((len(batch),), m is Modality.AUDIO)) for m, e in inputs.items()}
    assert torch.equal(model.decide(kept).logits, model(only(batch, {Modality.AUDIO})).logits)


@each_model
def test_a_batch_may_carry_other_modalities_than_the_model_reads(name, options):
    dims = {m: DIMS[m] for m in (Modality.AUDIO, Modality.VISUAL)}
    model, batch = build(name, options, dims), make_batch()
    exact = FeatureBatch({m: batch.x[m] for m in dims}, batch.pad, batch.present[:, 1:3])
    assert torch.equal(model(batch).logits, model(exact).logits)
    fewer = FeatureBatch({Modality.AUDIO: batch.x[Modality.AUDIO]}, batch.pad, batch.present[:, 1:2])
    assert torch.equal(model(fewer).logits, model(batch.using({Modality.AUDIO})).logits)


@each_model
def test_it_learns(name, options):
    """Full-batch Adam brings classes apart that are apart, through the model's own loss."""
    torch.manual_seed(0)
    model, batch = build(name, options), separable_batch()
    model.fit_scaling(batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    inputs = model.read(batch)
    for _ in range(8):  # most are there after the first twenty steps
        model.train()
        for _ in range(20):
            optimizer.zero_grad()
            model.loss(model.decide(inputs), batch.y, label_smoothing=0.05).backward()
            optimizer.step()
        model.eval()
        right = (model(batch).logits.argmax(1) == batch.y).float().mean()
        if right > 0.8:
            break
    assert right > 0.8


@each_model
def test_training_takes_any_batch(name, options):
    """One utterance, and utterances without anything, occur in training too; bfloat16 as the trainer may ask
    for.
    """
    model, batch = build(name, options).train(), make_batch()
    mask = torch.tensor(
        [[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool
    )
    for part in (batch.take(torch.tensor([2])), with_presence(batch, mask), batch.using(())):
        for half in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = model.loss(
                    model(part), part.y, weight=torch.linspace(0, 1, CLASSES), label_smoothing=0.1
                )
            assert loss.shape == ()
            loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert all(b.isfinite().all() for b in model.buffers())


@each_model
def test_utterances_without_anything_leave_no_trace_in_training(name, options):
    """What an absent utterance holds reaches neither running statistics nor gradients."""
    batch = make_batch()
    mask = torch.ones(6, 4, dtype=torch.bool)
    mask[3:] = False
    states = []
    for filler in (0.0, 1e6):
        torch.manual_seed(0)
        model = build(name, options).train()
        x = {m: torch.where(mask[:, :1, None], v, filler) for m, v in batch.x.items()}
        torch.manual_seed(1)
        model.loss(model(FeatureBatch(x, batch.pad, mask)), batch.y).backward()
        states.append([*model.buffers(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


@each_model
def test_class_weights_decide_what_counts(name, options):
    model, batch = build(name, options), make_batch()
    weight = (torch.arange(CLASSES) == 2).float()
    of_one = batch.take(torch.tensor([2]))
    whole, part = model.loss(model(batch), batch.y, weight=weight), model.loss(model(of_one), of_one.y)
    assert torch.allclose(whole, part, atol=1e-5)


def test_an_unknown_model_option_or_choice_says_what_there_is():
    with pytest.raises(ValueError, match=r"unknown fusion network 'earliest': choose one of .*early"):
        fusion.create("earliest", dims=DIMS, classes=CLASSES)
    with pytest.raises(ValueError, match=r"no option depth: known are .*hidden"):
        fusion.create("early", dims=DIMS, classes=CLASSES, depth=3)
    with pytest.raises(ValueError, match="pooling cannot be 'median': choose one of mean, max, stats"):
        fusion.create("early", dims=DIMS, classes=CLASSES, pooling="median")
    with pytest.raises(ValueError, match="at least one modality"):
        fusion.create("early", dims={}, classes=CLASSES)


@pytest.mark.parametrize(
    "prior", [[0.5, 0.5], [0.2] * 7, [1.5, -0.5, 0, 0, 0, 0, 0]], ids=["too few", "too much", "negative"]
)
def test_a_prior_is_a_distribution_over_the_classes(prior):
    with pytest.raises(ValueError, match="7 probabilities that sum to 1"):
        fusion.create("early", dims=DIMS, classes=CLASSES).set_prior(torch.tensor(prior))


def test_a_class_that_training_never_saw_stays_possible():
    model = fusion.create("early", dims=DIMS, classes=CLASSES)
    model.set_prior(torch.tensor([0.5, 0.5, 0, 0, 0, 0, 0]))
    assert model(make_batch().using(())).logits.isfinite().all()


@each_model
def test_logits_of_subsets_are_those_of_deciding_with_the_subset(name, options):
    model, batch = build(name, options), make_batch(3)
    present = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    batch = with_presence(batch, present)
    chosen = [(), *(use for size in (1, 2, 4) for use in combinations(DIMS, size))]
    logits = model.subset_logits(model.read(batch), chosen)
    assert logits.shape == (len(chosen), 3, CLASSES)
    for use, answer in zip(chosen, logits, strict=True):
        assert close(answer, model(batch.using(use)).logits)


@each_model
def test_subsets_of_a_large_batch_are_decided_one_after_the_other(name, options):
    model, batch = build(name, options), make_batch(70)
    chosen = [tuple(DIMS), (Modality.AUDIO,)]
    whole = model.subset_logits(model.read(batch), chosen)
    assert close(whole[0], model(batch).logits)
    assert close(whole[1], model(batch.using({Modality.AUDIO})).logits)


@each_model
def test_a_temperature_flattens_the_answers_of_the_modality_alone(name, options):
    model, batch = build(name, options), make_batch(2)
    (modality, *_) = model.modalities
    inputs, temperature = model.read(batch), {modality: torch.tensor([1.0, 3.0])}
    before, after = (model.subset_logits(inputs, [(modality,), ()], t) for t in (None, temperature))
    plain = before[0].log_softmax(1)
    assert close(after[0, 0].log_softmax(0), plain[0])
    assert close(after[0, 1].log_softmax(0), (plain[1] / 3).log_softmax(0))
    assert torch.equal(after[1], before[1])


@each_model
def test_the_weights_of_a_subset_are_those_of_deciding_with_it(name, options):
    model, batch = build(name, options), make_batch(3)
    chosen = [tuple(DIMS), (Modality.AUDIO, Modality.VISUAL), ()]
    weights = model.subset_outputs(model.read(batch), chosen).weights
    for i, use in enumerate(chosen):
        expected = model(batch.using(use)).weights
        assert (weights is None) == (expected is None)
        assert expected is None or close(weights[i], expected)


@each_model
def test_fitting_the_combination_leaves_an_answer_for_everything(name, options):
    model, batch = build(name, options), separable_batch(60)
    model.fit_combination(model.read(batch), batch.y)
    assert model(batch).logits.isfinite().all()
    assert torch.equal(model(batch.using(())).logits[0], PRIOR.log())
    network = fusion.factory(name)
    assert network.parts is None or network.parts in fusion.names()
