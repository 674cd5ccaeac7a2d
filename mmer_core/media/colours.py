"""The colours of people in a picture, the same over a player, in a film and beside a list."""

from __future__ import annotations

#: "#RRGGBB". Told apart with the common colour-vision deficiencies, the first four most easily; none is that
#: of an emotion or modality. They repeat after the last, so a label names the person as well.
PERSON_COLOURS = (
    "#2A9D9D",
    "#AA8822",
    "#6622CC",
    "#AA0044",
    "#EE66EE",
    "#88AA66",
    "#AA22AA",
    "#884400",
)


def person_colour(number: int) -> str:
    """The colour of the n-th person, from 1."""
    return PERSON_COLOURS[(number - 1) % len(PERSON_COLOURS)]


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of "#RRGGBB", 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour, by the relative luminance of WCAG 2."""
    parts = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb(colour))
    ]
    luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#FFFFFF"
