"""Who may start processes: a visitor at the machine, not one who comes through a proxy there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st

from ui.page import came_directly, trusted


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost", "127.0.0.2"])
def test_a_visitor_at_the_machine(host):
    assert came_directly({"Host": host})
    assert came_directly({})


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "emotions.example"},
        {"Host": "localhost.evil.example:8501"},
        {"Host": "localhost", "X-Forwarded-For": "127.0.0.1"},
        {"Host": "localhost", "forwarded": "for=1.2.3.4"},
        {"host": "localhost", "Via": "1.1 proxy"},
        {"host": "localhost", "x-real-ip": "1.2.3.4"},
        {"Host": ""},
    ],
)
def test_a_visitor_through_a_proxy_or_by_another_name(headers):
    assert not came_directly(headers)


def test_who_is_trusted(monkeypatch):
    def visit(address, **headers):
        monkeypatch.setattr(st, "context", SimpleNamespace(ip_address=address, headers=headers))
        return trusted()

    monkeypatch.delenv("MMER_TRUST_VISITORS", raising=False)
    assert visit(None, Host="localhost:8501")
    assert not visit(None, Host="emotions.example")
    assert not visit("192.0.2.7", Host="localhost:8501")
    monkeypatch.setenv("MMER_TRUST_VISITORS", "1")
    assert visit("192.0.2.7", Host="emotions.example")
