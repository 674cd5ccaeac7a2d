"""Camera and microphone of the Live page: the start button, what is missing and why, and how the browser
finds the way to this machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

ICE_SERVERS = (
    "MMER_ICE_SERVERS"  # environment variable: a JSON list as in WebRTC's RTCConfiguration.iceServers
)
NAMES = {"video": "camera", "audio": "microphone"}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_REASONS = {
    "NotAllowedError": "was not allowed: allow it in the browser's address bar and press Start again",
    "NotFoundError": "was not found: connect one and press Start again",
    "NotReadableError": "is taken by another program: close that and press Start again",
    "insecure": "is given by browsers only to pages with HTTPS: open the app by https:// or on the machine "
    "it runs on",
    "ended": "was taken away",
}

_CSS = """
button {
  min-height: 2.5rem; padding: 0.25rem 1.5rem; font: inherit; font-family: var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
}
button.go { background: var(--st-primary-color); border-color: var(--st-primary-color); color: #fff; }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
button:disabled { opacity: 0.6; cursor: default; }
"""
_BUTTON = st.components.v2.component(
    "mmer_live_devices",
    html="""
    <button type="button"
      title="Start: ask for camera and microphone and read them as they run. Stop: let them go."></button>
    """,
    css=_CSS,
    js=(Path(__file__).parent / "devices.js").read_text(encoding="utf-8"),
)


class IceSettingsError(ValueError):
    """The setting of ICE servers cannot be used; the message is one sentence for the person who set it."""


def start_button(running: bool, disabled: bool, on_event: Callable[[Mapping[str, Any]], None]) -> None:
    """Start or Stop. `on_event` gets {"what": "start", "found": [kinds], "problems": {kind: error}}, "stop",
    or "lost" with its "kind".
    """
    key = "live-devices"
    _BUTTON(
        key=key,
        data={"running": running, "disabled": disabled},
        width="content",
        on_event_change=lambda: on_event(st.session_state[key].event or {}),
    )


def device_sentences(problems: Mapping[str, str], left: set[str]) -> list[str]:
    """Sentences on what is missing, why, and what goes on without it.

    Args:
        problems: {"video" or "audio": the browser's name for the error}.
        left: the kinds that go on.
    """
    sentences = [
        f"The {NAMES[kind]} {_REASONS.get(error, f'could not be started ({error})')}."
        for kind, error in problems.items()
        if kind in NAMES
    ]
    if sentences and left == {"audio"}:
        sentences.append("Voice and words go on without the face.")
    elif sentences and left == {"video"}:
        sentences.append("The face goes on without voice and words.")
    return sentences


def ice_servers(setting: str | None = None) -> list[dict[str, Any]]:
    """The STUN and TURN servers that `MMER_ICE_SERVERS` names; none by default, so that nothing outside is
    asked.

    Args:
        setting: JSON, such as '[{"urls": "turn:turn.example.org", "username": "u", "credential": "c"}]'; the
            environment's by default.

    Raises:
        IceSettingsError: the setting is no such list.
    """
    text = os.environ.get(ICE_SERVERS, "") if setting is None else setting
    if not text.strip():
        return []
    try:
        servers = json.loads(text)
    except json.JSONDecodeError as error:
        raise IceSettingsError(
            f"{ICE_SERVERS} is not JSON ({error.msg} at character {error.pos + 1}): see the README "
            "for an example"
        ) from error
    if not isinstance(servers, list) or not all(
        isinstance(s, dict) and isinstance(s.get("urls"), str | list) for s in servers
    ):
        raise IceSettingsError(
            f'{ICE_SERVERS} must be a list of objects with "urls": see the README for an example'
        )
    return servers


def is_local(url: str | None) -> bool:
    """Whether the page is open on the machine that runs the app."""
    return urlsplit(url or "").hostname in _LOCAL


def reach_sentence(url: str | None, servers: list[dict[str, Any]]) -> str:
    """The needs of a page opened from another machine, as a sentence; empty where nothing is missing."""
    if is_local(url):
        return ""
    missing = []
    if urlsplit(url or "").scheme != "https":
        missing.append("HTTPS, without which browsers give no camera")
    if not any("turn" in str(server["urls"]) for server in servers):
        missing.append(f"usually a TURN server (the variable {ICE_SERVERS})")
    return (
        "This page is open on another machine than the one that runs the app. Live pictures then "
        f"need {' and '.join(missing)}."
        if missing
        else ""
    )


def no_connection_sentence(url: str | None, servers: list[dict[str, Any]]) -> str:
    """Why no picture arrived, as far as it can be known from here."""
    if is_local(url):
        return (
            "No connection between the browser and the app came about: check that this machine has a "
            "network connection and press Start again."
        )
    if servers:
        return f"No connection came about: check the servers named by {ICE_SERVERS} and press Start again."
    return (
        "No connection came about: from another machine this usually needs a TURN server, which the "
        f"variable {ICE_SERVERS} names."
    )
