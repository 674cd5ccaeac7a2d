"""Pictures told from recordings by their first bytes; imports no decoder."""

from __future__ import annotations

STILLS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
# At byte 8 of a file of boxes: photographs, which a video decoder would take for films of one tile.
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF = (b"avif", b"avis")


class Refused(Exception):
    """The file as a whole is not decoded; the arguments are reason and detail of the event "refused"."""


def picture_kind(head: bytes) -> str:
    """What the first bytes (16 or more) begin: "" for no picture, "heif" for HEIC and its like, "still" for
    any other picture.
    """
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        return "heif"
    boxed = head[4:8] == b"ftyp" and head[8:12] in AVIF
    return "still" if boxed or head.startswith(STILLS) or (head[:4] + head[8:12]) == b"RIFFWEBP" else ""
