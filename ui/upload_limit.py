"""How large an upload may be: Streamlit's option `server.maxUploadSize` says it, for the page's words and the
core alike.

Whoever runs the app for others sets the option in one place: `.streamlit/config.toml`, the flag
`--server.maxUploadSize`, or the variable STREAMLIT_SERVER_MAX_UPLOAD_SIZE.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from mmer_core.config import Limits
from mmer_core.media.file_checks import in_bytes
from mmer_core.media.loading import DEFAULT_LIMITS

MEGABYTE = 2**20


def most_megabytes(largest: int | None = None) -> int:
    """The largest upload in megabytes; `largest` is a lower limit of one widget."""
    allowed = int(st.get_option("server.maxUploadSize"))
    return allowed if largest is None else min(allowed, largest)


def most_in_words() -> str:
    """The largest upload for people: "2 GB"."""
    return in_bytes(most_megabytes() * MEGABYTE)


def upload_limits() -> Limits:
    """The core's limits with this size."""
    return replace(DEFAULT_LIMITS, max_bytes=most_megabytes() * MEGABYTE)
