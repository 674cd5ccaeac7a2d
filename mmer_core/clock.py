"""Times of a recording as a player shows them."""

from __future__ import annotations


def clock(seconds: float, *, tenths: bool = True) -> str:
    """Minutes and seconds, with hours where there are any: "1:02.5", "1:00:02.5".

    Args:
        seconds: from 0 on.
        tenths: show tenths of a second, rounded; False for whole seconds, those that are over: "1:02".
    """
    count = int(10 * seconds + 0.5) if tenths else 10 * int(seconds)
    minutes = f"{count // 600 % 60:02d}" if count >= 36_000 else f"{count // 600}"
    hours = f"{count // 36_000}:" if count >= 36_000 else ""
    rest = f".{count % 10}" if tenths else ""
    return f"{hours}{minutes}:{count // 10 % 60:02d}{rest}"
