"""Text in the form that an English tokenizer knows: plain marks, single spaces, emoji as words."""

from __future__ import annotations

import re

import emoji

# Subtitles use typographic marks, speech recognition plain ones; the tokenizer would keep them apart.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-"})
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def plain_text(text: str) -> str:
    """The text with plain quotes, dashes and dots, single spaces, and emoji as words: the tokenizer knows
    none of them.

    Emoji get their English names of Unicode's CLDR without skin tone; one that is repeated is named once.
    """
    return re.sub(r"\s+", " ", name_emoji(text.translate(_PLAIN))).strip()


def name_emoji(text: str) -> str:
    """The text with a name in place of each emoji, a space on both sides of it."""
    if text.isascii():
        return text
    parts: list[str] = []
    for token in emoji.analyze(_SKIN_TONES.sub("", text), non_emoji=True, join_emoji=False):
        data = None if isinstance(token.value, str) else token.value.data
        part = f" {data['en'].strip(':').replace('_', ' ')} " if data else token.chars
        if not data or parts[-1:] != [part]:
            parts.append(part)
    return "".join(parts)
