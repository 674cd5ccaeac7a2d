import json

import pytest
import torch

from mmer_core import checkpoint


@pytest.fixture
def folder(tmp_path):
    checkpoint.save_tensors(
        tmp_path / "fusion.safetensors", {"a": torch.arange(4.0), "half": torch.ones(2, dtype=torch.float16)}
    )
    checkpoint.write_record(
        tmp_path, {"name": "tiny", "labels": ["x"], "card": {"figures": {"ua": 0.5}}}, ["fusion.safetensors"]
    )
    return tmp_path


def test_round_trip(folder):
    record = checkpoint.read_record(folder)
    assert record["name"] == "tiny"
    tensors = checkpoint.load_tensors(folder / "fusion.safetensors")
    assert torch.equal(tensors["a"], torch.arange(4.0))
    assert tensors["half"].dtype == torch.float32


def test_a_changed_file_is_refused(folder):
    checkpoint.save_tensors(folder / "fusion.safetensors", {"a": torch.zeros(4)})
    with pytest.raises(checkpoint.CheckpointError, match=r"fusion\.safetensors differs"):
        checkpoint.read_record(folder)


def test_a_missing_file_is_named(folder):
    (folder / "fusion.safetensors").unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"lacks fusion\.safetensors"):
        checkpoint.read_record(folder)


def test_a_folder_without_a_record_is_unfinished(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match="no model in"):
        checkpoint.read_record(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", r"model\.json cannot be read"),
        ("[]", r"model\.json has another format than this version reads \(schema 2\)"),
        ('{"schema": 99}', "use the version that wrote it"),
        ('{"schema": 1, "name": "x"}', "of an older version .* train it again"),
        ('{"schema": 1, "kind": "fold"}', "one fold of a run of an older version, .* name the run's folder"),
    ],
)
def test_a_record_that_cannot_be_read_is_one_sentence(tmp_path, content, reason):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(checkpoint.CheckpointError, match=reason) as caught:
        checkpoint.read_record(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_cannot_name_files_elsewhere(folder):
    record = json.loads((folder / "model.json").read_text())
    record["files"] = {"../secret": "0"}
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(checkpoint.CheckpointError, match="outside its folder"):
        checkpoint.read_record(folder)


def test_the_fingerprint_follows_weights_but_not_the_card(folder):
    record = checkpoint.read_record(folder)
    assert checkpoint.fingerprint(record) == checkpoint.fingerprint({**record, "card": {}})
    assert checkpoint.fingerprint(record) != checkpoint.fingerprint(
        {**record, "files": {"fusion.safetensors": "other"}}
    )


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path):
    """On a full disk safetensors raises an error of its own, which callers do not know."""
    with pytest.raises(OSError, match=r"model.safetensors cannot be written"):
        checkpoint.save_tensors(tmp_path / "nowhere" / "model.safetensors", {"a": torch.zeros(4)})


class TestModelsThatBuildOnAnother:
    @pytest.fixture
    def large(self, folder):
        """A model beside `folder` that brings a file of its own and takes the rest from there."""
        large = folder.parent / "large"
        large.mkdir(exist_ok=True)
        checkpoint.save_tensors(large / "text.safetensors", {"b": torch.ones(2)})
        checkpoint.write_record(large, {"name": "large"}, ["text.safetensors"], base=folder)
        return large

    def test_a_file_is_its_own_or_that_of_the_other(self, folder, large):
        record = checkpoint.read_record(large)
        assert record["base"]["folder"] == folder.name
        assert checkpoint.find_file(large, record, "text.safetensors") == large / "text.safetensors"
        assert checkpoint.find_file(large, record, "fusion.safetensors") == folder / "fusion.safetensors"
        assert checkpoint.base_of(folder, checkpoint.read_record(folder)) is None

    def test_a_changed_file_of_the_other_is_refused(self, folder, large):
        checkpoint.save_tensors(folder / "fusion.safetensors", {"a": torch.zeros(4)})
        with pytest.raises(checkpoint.CheckpointError, match=r"fusion\.safetensors differs"):
            checkpoint.read_record(large)

    def test_another_version_of_the_other_is_refused(self, folder, large):
        checkpoint.write_record(folder, {"name": "tinier"}, ["fusion.safetensors"])
        with pytest.raises(checkpoint.CheckpointError, match="builds on another model than the one in"):
            checkpoint.read_record(large)

    @pytest.mark.parametrize("where", ["..", "../elsewhere", "/etc"])
    def test_it_cannot_lead_elsewhere(self, large, where):
        record = json.loads((large / "model.json").read_text())
        record["base"]["folder"] = where
        (large / "model.json").write_text(json.dumps(record))
        with pytest.raises(checkpoint.CheckpointError, match="not beside it"):
            checkpoint.read_record(large)

    def test_it_cannot_build_on_itself(self, large):
        record = json.loads((large / "model.json").read_text())
        record["base"]["folder"] = "large"
        (large / "model.json").write_text(json.dumps(record))
        with pytest.raises(checkpoint.CheckpointError, match="builds on another model"):
            checkpoint.read_record(large)
