"""Camera and microphone of the Live page: the start button, the choice of devices, what is missing and why,
and how the browser finds the way to this machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from mmer_core.json_files import parse_json

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

_LONGEST = 80  # characters of a device's name in a sentence

_CSS = """
div { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; }
button, select {
  min-height: 2.5rem; padding: 0.25rem 0.75rem; font: inherit; font-family: var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
}
button { padding-inline: 1.5rem; }
button.go { background: var(--st-primary-color); border-color: var(--st-primary-color); color: #fff; }
label { display: flex; align-items: center; gap: 0.5rem; min-width: 0; font-family: var(--st-font); }
label[hidden] { display: none; }
select { width: 14rem; min-width: 0; text-overflow: ellipsis; }
:is(button, select):focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
:is(button, select):disabled { opacity: 0.6; cursor: default; }
@media (max-width: 640px) {
  label { flex: 1 0 100%; }
  label span { flex: 0 0 6.5rem; }
  select { flex: 1; width: auto; }
}
"""
_DEVICES = st.components.v2.component(
    "mmer_live_devices",
    html="""
    <div>
      <button type="button"
        title="Start: ask for camera and microphone and read them as they run. Stop: let them go."></button>
      <label hidden><span>Camera</span> <select name="video"></select></label>
      <label hidden><span>Microphone</span> <select name="audio"></select></label>
    </div>
    """,
    css=_CSS,
    js=(Path(__file__).parent / "devices.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Device:
    """A camera or microphone as the browser calls it: its id for this site, and its name for people."""

    id: str
    label: str

    @classmethod
    def from_event(cls, found: Any) -> Device | None:
        """The device of an event; None if the event names none."""
        if not isinstance(found, Mapping) or not found.get("id"):
            return None
        return cls(str(found["id"]), str(found.get("label") or "")[:_LONGEST])


class IceSettingsError(ValueError):
    """The setting of ICE servers cannot be used; the message is one sentence for the person who set it."""


def start_button(
    running: bool, disabled: bool, streams: Sequence[str], on_event: Callable[[Mapping[str, Any]], None]
) -> None:
    """Start or Stop, and lists of cameras and microphones as soon as the browser tells their names.

    `on_event` gets "what" happened: "start" with "found" [kinds], "problems" {kind: error}, "devices" {kind:
    {"id", "label"}} and "missing" [kinds whose chosen device was not there]; "stop"; "change" with "kind" and
    "device"; "refused", the same with "error", where the one before goes on; "fallback" with "kind", the name
    of the one "lost", and the "device" in its place; or "lost" with "kind" where there is no other.
    """
    key = "live-devices"
    _DEVICES(
        key=key,
        data={"running": running, "disabled": disabled, "streams": tuple(streams)},  # as in `ui.navigation`
        on_event_change=lambda: on_event(st.session_state[key].event or {}),
    )


def fallback_sentence(kind: str, lost: str, now: Device) -> str:
    """A device that was taken away, and the one in its place.

    Args:
        kind: "video" or "audio".
        lost: its name; "" where it is not known.
    """
    what = f"“{lost[:_LONGEST]}”" if lost else "you chose"
    return f"The {NAMES[kind]} {what} is not there any more, so “{now.label}” is used."


def refused_sentence(kind: str, device: Device, error: str) -> str:
    """A device that was chosen and cannot be had."""
    reason = _REASONS.get(error, f"could not be started ({error})").partition(":")[0]
    return f"The {NAMES[kind]} “{device.label}” {reason}: nothing was changed."


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
        servers = parse_json(text)
    except json.JSONDecodeError as error:
        raise IceSettingsError(
            f"{ICE_SERVERS} is not JSON ({error.msg} at character {error.pos + 1}): see the README "
            "for an example"
        ) from error
    except ValueError as error:
        raise IceSettingsError(
            f"{ICE_SERVERS} cannot be read ({error}): see the README for an example"
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
