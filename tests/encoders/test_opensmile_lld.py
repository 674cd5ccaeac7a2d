"""openSMILE, an optional package."""

import pytest

from mmer_core import encoders
from mmer_core.encoders import EncoderUnavailable, opensmile_lld


def test_a_missing_opensmile_is_one_sentence(monkeypatch):
    monkeypatch.setattr(opensmile_lld, "find_spec", lambda name: None)
    with pytest.raises(
        EncoderUnavailable,
        match=r"^the package opensmile is not installed: run pip install opensmile==\S+ if its licence",
    ):
        encoders.create("opensmile_lld")
