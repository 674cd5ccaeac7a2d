"""A recording that the browser hands over becomes a source, and nothing else does."""

import base64

import pytest

from mmer_core.media.loading import DEFAULT_LIMITS
from ui.analyze.recorder import AUDIO_BITS, LONGEST, MOST, NAMES, NOTICE, VIDEO_BITS, as_source

CONTENT = b"\x1a\x45\xdf\xa3 not really a clip"


def handed_over(
    kind: str = "video/webm;codecs=vp8,opus", content: object = base64.b64encode(CONTENT).decode()
) -> dict:
    return {"type": kind, "content": content}


@pytest.mark.parametrize("kind", NAMES)
def test_a_recording_becomes_a_source_named_by_its_type(kind):
    source = as_source(handed_over(f"{kind};codecs=any"))
    assert source.name == NAMES[kind]
    assert source.data == CONTENT
    assert source.origin == "recording"


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        handed_over("text/html"),
        handed_over(content=""),
        handed_over(content="not base64!"),
        handed_over(content=None),
        handed_over(content="é"),
        {"content": "AAAA"},
        {"type": 3, "content": "AAAA"},
    ],
)
def test_anything_else_is_no_source(value):
    assert as_source(value) is None


def test_the_longest_recording_fits_into_what_may_be_handed_over():
    longest = LONGEST * (VIDEO_BITS + AUDIO_BITS) / 8
    assert 1.5 * longest * 4 / 3 < MOST, "with a half more than the browser was asked for"
    assert MOST < 25 * 2**20, "the server closes a connection that sends more at once"
    assert DEFAULT_LIMITS.max_bytes > MOST * 3 / 4


def test_the_notice_says_where_it_stays_and_who_must_agree():
    assert "not stored" in NOTICE
    assert "consent" in NOTICE
    assert "whoever else" in NOTICE
