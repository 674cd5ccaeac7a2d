"""Where pretrained weights come from: MMER_MODELS, the hub's cache, the hub; and what is said when none of
them has them.
"""

import hashlib

import huggingface_hub
import pytest

from mmer_core import encoders
from mmer_core.encoders import EncoderUnavailable, weights
from mmer_core.encoders.weights import HubFile, PublishedFile, hub_answers

CONTENT = b"these are the weights"
FILE = HubFile("owner/name", "f" * 40, "model.safetensors", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No local weights, an empty cache, and a network that must not be touched."""
    monkeypatch.delenv("MMER_MODELS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "hub_answers", lambda: False)


def test_a_local_file_is_known_by_its_content(tmp_path, monkeypatch):
    (tmp_path / "a.safetensors").write_bytes(CONTENT[::-1])  # as long, but another one
    (tmp_path / "b.safetensors").write_bytes(CONTENT)
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    assert FILE.find() == FILE.locate() == tmp_path / "b.safetensors"


def test_the_hubs_cache_is_read(tmp_path):
    folder = tmp_path / "cache" / "models--owner--name" / "snapshots" / FILE.revision
    folder.mkdir(parents=True)
    (folder / FILE.name).write_bytes(CONTENT)
    assert FILE.find() == folder / FILE.name


def test_nowhere_and_no_hub_is_one_sentence_that_says_what_to_do():
    assert FILE.find() is None
    with pytest.raises(EncoderUnavailable) as caught:
        FILE.locate()
    message = str(caught.value)
    assert message.startswith(
        "the weights owner/name are not on this machine and the hub cannot be reached: download "
        "model.safetensors"
    )
    assert "huggingface.co/owner/name" in message
    assert "MMER_MODELS" in message
    assert "\n" not in message


def test_what_the_hub_gives_is_checked(tmp_path, monkeypatch):
    asked = []

    def download(repository, name, revision):
        asked.append((repository, name, revision))
        return str(tmp_path / "given")

    monkeypatch.setattr(weights, "hub_answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    (tmp_path / "given").write_bytes(CONTENT)
    assert FILE.locate() == tmp_path / "given"
    assert asked == [("owner/name", "model.safetensors", FILE.revision)]
    (tmp_path / "given").write_bytes(b"something else")
    with pytest.raises(EncoderUnavailable, match="another file than expected"):
        FILE.locate()


def test_a_refusal_of_the_hub_is_one_sentence(monkeypatch):
    def refuse(*_, **__):
        raise OSError("401 Client Error.\nUse a token.")

    monkeypatch.setattr(weights, "hub_answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(
        EncoderUnavailable, match=r"^the weights owner/name cannot be fetched \(401 Client Error\): download"
    ) as caught:
        FILE.locate()
    assert "\n" not in str(caught.value)


def test_offline_means_offline(monkeypatch):
    def reach(*_, **__):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(weights.urllib.request, "urlopen", reach)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub_answers.__wrapped__() is False


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), ConnectionRefusedError("no"), OSError("no such name")]
)
def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch, error):
    calls = []

    def fail(request, timeout):
        calls.append(timeout)
        raise error

    monkeypatch.setattr(weights.urllib.request, "urlopen", fail)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub_answers.cache_clear()
    try:
        assert hub_answers() is False
        assert hub_answers() is False
    finally:
        hub_answers.cache_clear()
    assert len(calls) == 1
    assert calls[0] <= 5


def test_a_file_without_a_known_hash_is_found_by_its_name(tmp_path, monkeypatch):
    file = PublishedFile("net.safetensors", "make it so")
    with pytest.raises(
        EncoderUnavailable, match=r"^net\.safetensors is not in the folder MMER_MODELS: make it so$"
    ):
        file.locate()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "net.safetensors").write_bytes(b"x")
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    assert file.locate() == tmp_path / "deep" / "net.safetensors"
    assert file.identity == hashlib.sha256(b"x").hexdigest()


def test_a_file_with_a_known_hash_is_found_under_any_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    (tmp_path / "renamed.bin").write_bytes(CONTENT)
    file = PublishedFile("net.bin", "fetch it", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert file.locate() == tmp_path / "renamed.bin"
    assert file.identity == file.sha256
    (tmp_path / "renamed.bin").write_bytes(CONTENT[::-1])
    with pytest.raises(
        EncoderUnavailable, match=r"^net\.bin with sha256 \w+… is not in the folder MMER_MODELS: "
    ):
        file.locate()


@pytest.mark.parametrize("name", [name for name in encoders.names() if encoders.needs(name)])
def test_every_encoder_without_its_weights_says_how_to_get_them(name):
    with pytest.raises(EncoderUnavailable, match="MMER_MODELS") as caught:
        encoders.create(name)
    assert "\n" not in str(caught.value)
    assert "download" in str(caught.value)
    assert "do not fit" not in str(caught.value)  # which is said of weights that are there
