from dataclasses import replace

import numpy as np
import pytest
import torch
from feature_tables import make_table

from mmer_core.features.batch import collate
from mmer_core.features.preparation import normalised_by_group, without_damage
from mmer_core.features.table import FeatureColumn, FeatureTable, column_of
from mmer_core.labels import Modality


def test_a_batch_equals_the_collated_utterances():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(t, 3)).astype(np.float32) if t else None for t in (2, 0, 5, 1)]
    vectors = [rng.normal(size=4).astype(np.float32) for _ in rows]
    columns = {Modality.AUDIO: column_of(rows), Modality.TEXT: column_of(vectors)}
    table = FeatureTable(
        columns, np.array([0, 1, 0, 1]), ("a", "b"), np.array(list("wxyz")), np.array(list("ppqq"))
    )
    index = np.array([3, 1, 0])
    samples = [
        {Modality.TEXT: vectors[i]} | ({} if rows[i] is None else {Modality.AUDIO: rows[i]}) for i in index
    ]
    ours, reference = table.batch(index), collate(samples, table.dims, table.y[index])
    for modality in table.modalities:
        assert torch.equal(ours.x[modality], reference.x[modality])
        assert torch.equal(ours.pad[modality], reference.pad[modality])
    assert torch.equal(ours.present, reference.present)
    assert torch.equal(ours.y, reference.y)


def test_a_batch_is_padded_to_its_own_longest_sequence():
    table = make_table(frames=9)
    lengths = table.columns[Modality.AUDIO].length
    short = np.flatnonzero(lengths <= 2)[:4]
    assert table.batch(short).x[Modality.AUDIO].shape[1] == lengths[short].max()


def test_features_stay_on_disk(tmp_path):
    """100,000 utterances must not need memory: a batch reads its own rows of a memory map and no others."""
    path = tmp_path / "frames.f32"
    size = 100_000
    path.touch()
    with path.open("r+b") as file:
        file.truncate(size * 512 * 4)  # a sparse file of 200 MB
    frames = np.memmap(path, dtype=np.float32, mode="r", shape=(size, 512))
    table = FeatureTable(
        {Modality.TEXT: column_of(frames)},
        np.zeros(size, dtype=np.int64),
        ("a",),
        np.arange(size).astype(str),
        np.full(size, "s"),
    )
    assert table.take(np.arange(10)).columns[Modality.TEXT].frames is frames
    assert table.batch(np.array([99_999, 3])).x[Modality.TEXT].shape == (2, 1, 512)


def test_rows_must_fit_together():
    table = make_table(n=6)
    with pytest.raises(ValueError, match="ids has 5 rows and the labels have 6"):
        replace(table, ids=table.ids[:5])
    with pytest.raises(ValueError, match="outside the 2 labels"):
        replace(table, labels=("a", "b"))
    with pytest.raises(ValueError, match="outside the 2 frames"):
        FeatureColumn(np.zeros((2, 3), dtype=np.float32), np.array([0, 1]), np.array([1, 2]))
    with pytest.raises(ValueError, match="one width"):
        column_of([np.zeros(3), np.zeros(4)])


def test_damaged_features_are_listed_and_count_as_absent():
    table = make_table(n=12)
    audio = table.columns[Modality.AUDIO]
    audio.frames[audio.start[4]] = np.nan
    cleaned = without_damage(table)
    assert len(cleaned) == 12
    assert not cleaned.present[4, 1]
    assert cleaned.present.sum() == 12 * 3 - 1
    assert cleaned.problems == (("u0004", "the audio features hold NaN or infinity"),)


def test_damaged_features_can_drop_their_utterance_or_be_refused():
    table = make_table(n=12, frames=3)
    visual = table.columns[Modality.VISUAL]
    visual.frames[visual.start[7] + visual.length[7] - 1, 2] = np.inf
    assert "u0007" not in without_damage(table, "drop").ids
    with pytest.raises(
        ValueError, match=r"visual features of 1 of 12 utterances are not finite \(first: u0007\)"
    ):
        without_damage(table, "refuse")


def test_an_utterance_without_any_modality_is_left_out_with_the_reason():
    table = make_table(n=6)
    for column in table.columns.values():
        column.frames[column.start[2]] = np.nan
    cleaned = without_damage(table)
    assert len(cleaned) == 5
    assert ("u0002", "no modality has usable features") in cleaned.problems


def test_group_normalisation_centres_each_group():
    table = normalised_by_group(make_table(n=60, frames=4, absent=0.2))
    for name in np.unique(table.groups):
        batch = table.batch(np.flatnonzero(table.groups == name))
        for modality in table.modalities:
            frames = batch.x[modality][~batch.pad[modality]]
            torch.testing.assert_close(frames.mean(0), torch.zeros(frames.shape[1]), atol=1e-5, rtol=0)
            torch.testing.assert_close(
                frames.std(0, correction=0), torch.ones(frames.shape[1]), atol=1e-4, rtol=0
            )


def test_group_normalisation_follows_the_utterances():
    table = normalised_by_group(make_table(n=30, frames=3))
    rows = np.array([20, 3, 11])
    assert torch.equal(
        table.take(rows).batch(np.arange(3)).x[Modality.TEXT], table.batch(rows).x[Modality.TEXT]
    )
