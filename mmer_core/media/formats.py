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
