"""The files that are read, by the ends of their names. Content decides how a file is decoded; these lists say
what to offer in a dialogue and what to look for in a folder.
"""

from __future__ import annotations

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".3gp", ".ts", ".wmv")
AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus"),
    *(".wma", ".aiff", ".aif", ".au", ".caf"),
)
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif", ".apng"),
)  # gif, apng and webp may move: such a file becomes a short video
MEDIA_SUFFIXES = (*VIDEO_SUFFIXES, *AUDIO_SUFFIXES, *PICTURE_SUFFIXES)

KINDS = (
    "mp4, mov, mkv, webm, avi, wav, flac, mp3, m4a, ogg, jpg, png or heic"  # the usual ones, for sentences
)
# First bytes of the formats we read: such a file is damaged when it cannot be opened, others are something
# else.
SIGNATURES = (
    b"\x1a\x45\xdf\xa3",
    b"RIFF",
    b"RIFX",
    b"FLV",
    b"FORM",
    b"caff",
    b".snd",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"BM",
)
ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # at byte 4 of mp4, mov and m4a


def is_ours(head: bytes) -> bool:
    """Whether a file that begins so is of a format that is read: it is damaged when it cannot be opened."""
    return head.startswith(SIGNATURES) or head[4:8] in ATOMS
