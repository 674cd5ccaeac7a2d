"""The networks that tell speakers apart: their weights, what goes in and what comes out."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers import WeightsUnavailable, diarise, embedding, segmentation
from mmer_core.media.speakers.embedding import DIM, embed
from mmer_core.media.speakers.filter_bank import BANDS, filter_bank
from mmer_core.media.speakers.segmentation import FRAMES, WINDOW, SegmentationNetwork
from mmer_core.media.weight_files import load_network

WEIGHTS = [embedding.WEIGHTS, segmentation.WEIGHTS]
RNG = np.random.default_rng(0)
NOISE = (0.05 * RNG.standard_normal(3 * SAMPLE_RATE)).astype(np.float32)


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda file: file.stem)
def test_the_weights_are_those_that_the_readme_tells_of(weights: Path) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert f"| {weights.name} | {digest} |" in (weights.parent / "README.md").read_text("utf-8")


def test_all_weights_together_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS) < 20e6


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_weights_that_cannot_be_read_are_one_sentence(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "WEIGHTS", tmp_path / "embedding.safetensors")
    if content is not None:
        embedding.WEIGHTS.write_bytes(content)
    with pytest.raises(WeightsUnavailable, match="missing or damaged: install"):
        diarise(NOISE)


def test_a_window_gives_the_frames_that_the_timing_counts_on() -> None:
    network = load_network(segmentation.WEIGHTS, SegmentationNetwork)
    with torch.inference_mode():
        found = network(torch.from_numpy(np.resize(NOISE, (2, WINDOW))))
    assert found.shape == (2, FRAMES, segmentation.PEOPLE)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert segmentation.STEP % segmentation.FRAME == 0  # windows begin at whole frames


def test_frames_lie_where_the_network_looks() -> None:
    network = SegmentationNetwork()
    field, step = 1, 1
    for convolution in reversed(network.conv1d):
        for kernel, stride in ((3, 3), (convolution.kernel_size[0], convolution.stride[0])):
            field, step = (field - 1) * stride + kernel, step * stride
    assert (step, field / 2) == (segmentation.FRAME, segmentation.CENTRE)
    assert (WINDOW - field) // step + 1 == FRAMES


def test_hand_overs_are_where_the_strongest_voice_changes() -> None:
    activity = np.zeros((60, 3), dtype=np.float32)
    activity[:30, 0], activity[30:, 2] = 0.9, 0.8
    (where,) = np.nonzero(segmentation.hand_overs(activity))
    assert where.min() < 30 <= where.max() + 1
    assert abs(where.mean() - 30) <= 1
    activity[30:] = 0.0  # nobody follows
    assert not segmentation.hand_overs(activity).any()


@pytest.mark.parametrize("samples", [1, 16_000, WINDOW, WINDOW + 1, 130_000])
def test_every_frame_is_seen_and_batches_do_not_matter(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.resize(NOISE, samples)
    whole = segmentation.segment(sound)
    assert whole.count.shape == whole.changes.shape == (-(-samples // segmentation.FRAME),)
    in_parts = segmentation.Segmenter()
    for part in np.array_split(sound, 3):
        in_parts.add(part)
        assert in_parts.settled <= len(whole.count)
    in_parts.finish()
    assert np.array_equal(in_parts.activity().count, whole.count)
    assert np.array_equal(in_parts.activity(7).changes, whole.changes[7:])
    monkeypatch.setattr(segmentation, "BATCH", 1)
    assert np.array_equal(segmentation.segment(sound).count, whole.count)


def test_filter_banks_tell_pitch_and_forget_level() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    hiss = 0.2 * RNG.standard_normal(SAMPLE_RATE)  # a silent band is at the floor whatever the level
    chirp = (np.sin(2 * np.pi * (200 + 1500 * time) * time) + hiss).astype(np.float32)
    found = filter_bank(np.stack([chirp, 0.5 * chirp]))
    assert found.shape == (2, 98, BANDS)
    assert found.dtype == np.float32
    assert np.abs(found.mean(axis=1)).max() < 1e-4
    assert np.abs(found[0] - found[1]).max() < 0.05
    strongest = found[0].argmax(axis=1)
    assert strongest[5] < strongest[50] < strongest[95]


def test_vectors_have_length_one_whatever_the_order_and_the_level() -> None:
    pieces = [(0, 24_000), (16_000, 25_600), (24_000, 48_000)]
    found = embed(NOISE, pieces)
    assert found.shape == (3, DIM)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert embed(NOISE, pieces[::-1])[::-1] == pytest.approx(found, abs=1e-4)
    assert (embed(0.2 * NOISE, pieces) * found).sum(axis=1).min() > 0.999


def test_nothing_to_embed_is_no_error() -> None:
    assert embed(NOISE, []).shape == (0, DIM)
