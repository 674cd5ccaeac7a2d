"""No file of our own kinds does harm: an answer or the named error, whatever is in it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from fuzz import readers
from fuzz.mutations import mutated
from hypothesis import given, settings
from hypothesis import strategies as st

from mmer_core import json_files

MUTATIONS = 10  # of each kind of file in every test run; `make fuzz-parsers` tries more
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 10**400, -1])
TEXTS = st.text(max_size=8) | st.sampled_from(["", "..", "../../etc/passwd", "/etc/passwd", "a\0b", "\ud800"])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
TEXT = readers.TABLE.decode()
RECORDS = ("model.json", "run.json", "job.json", "folds.json")


def changed(value: Any, other: Any, where: random.Random) -> Any:
    """The record with one part replaced."""
    if not isinstance(value, (dict, list)) or not value or where.random() < 0.15:
        return other
    places = sorted(value) if isinstance(value, dict) else range(len(value))
    place = where.choice(list(places))
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place] = changed(value[place], other, where)
    return copy


@pytest.mark.parametrize("name", readers.READERS)
def test_a_sound_file_is_read(name):
    assert readers.attempt(name, readers.READERS[name].sound()) == "read"


@pytest.mark.parametrize("name", readers.READERS)
def test_mutations_are_read_or_refused(name):
    sound = readers.READERS[name].sound()
    found = {
        readers.attempt(name, mutated(sound, random.Random(f"{name}:{number}")))
        for number in range(MUTATIONS)
    }
    assert found <= {"read", "refused"}


@pytest.mark.parametrize("name", readers.READERS)
@settings(max_examples=10)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name, content):
    readers.attempt(name, content)


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=15)
@given(content=JSON)
def test_any_json_is_read_or_refused(name, content):
    readers.attempt(name, json.dumps(content).encode())


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=20)
@given(other=JSON, where=st.randoms(use_true_random=False))
def test_a_record_with_one_part_replaced_is_read_or_refused(name, other, where):
    sound = json.loads(readers.READERS[name].sound())
    readers.attempt(name, json.dumps(changed(sound, other, where)).encode())


@pytest.mark.parametrize("name", RECORDS)
def test_json_that_is_nested_too_deeply_is_refused(name):
    assert readers.attempt(name, b"[" * 200_000) == "refused"
    assert readers.attempt(name, b'{"a":' * 200_000) == "refused"


@pytest.mark.parametrize("name", RECORDS)
def test_json_that_is_too_large_is_not_read(name, monkeypatch):
    sound = readers.READERS[name].sound()
    monkeypatch.setattr(json_files.read_json, "__defaults__", (len(sound) - 1,))
    assert readers.attempt(name, sound) == "refused"
