"""Headers of every answer of the service: it sends data, never a page, and nobody between may keep it."""

from __future__ import annotations

from collections.abc import Sequence

#: What a browser that gets an answer may make of it: nothing. HTTPS, and with it HSTS, is the proxy's.
SAFE: Sequence[tuple[bytes, bytes]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
