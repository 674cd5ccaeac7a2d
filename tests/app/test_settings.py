"""What .streamlit/config.toml promises: a cap on uploads, protection of requests, no telemetry."""

from __future__ import annotations

import tomllib

import pytest
from streamlit import config

from mmer_core.config import ROOT, Limits

SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("browser.gatherUsageStats", False),
        ("server.maxUploadSize", Limits.max_bytes // 2**20),
        ("server.enableXsrfProtection", True),
        ("server.enableCORS", True),
        ("server.enableStaticServing", False),
        ("client.showErrorDetails", "none"),
    ],
)
def test_a_setting(name, value):
    section, option = name.split(".")
    default = config._config_options_template[name].default_val
    assert SETTINGS[section].get(option, default) == value


def test_no_theme_fetches_a_font():
    assert "http" not in str(SETTINGS)
