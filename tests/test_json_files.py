"""JSON of others is read or refused with a ValueError, whatever it holds."""

import json

import pytest

from mmer_core.batch.journal import _entry
from mmer_core.json_files import parse_json, read_json
from mmer_core.training.request_flags import _read

DEEP = "[" * 100_000


def test_what_is_nested_too_deeply_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(DEEP)


def test_what_is_no_json_says_where():
    with pytest.raises(json.JSONDecodeError, match="line 1"):
        parse_json("{")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    file = tmp_path / "large.json"
    file.write_text(json.dumps("x" * 2_000_000))
    assert read_json(file) == "x" * 2_000_000
    with pytest.raises(ValueError, match="larger than 1 MB"):
        read_json(file, 2**20)


def test_a_line_of_a_journal_is_left_out():
    assert _entry(DEEP) is None


def test_a_training_request_is_refused_by_its_name(tmp_path):
    file = tmp_path / "request.json"
    file.write_text(DEEP)
    with pytest.raises(ValueError, match=r"request\.json cannot be read as a training request: it is nested"):
        _read(file)
