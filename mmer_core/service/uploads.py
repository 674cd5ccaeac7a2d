"""Forms with files: parsed as they come in and written to a private folder, under names of our own."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mmer_core.media.loading import display_name
from mmer_core.service.refusals import Refusal, later

FIELDS = 64  # parts of a form beside its files
FIELD_BYTES = 256 * 1024  # of all of them together: the words of a clip, and turns before them
NO_FORM = "the form cannot be read: send multipart/form-data, with each file in a part of its own"


@dataclass(frozen=True)
class Upload:
    """A file that was sent: the sender's name for it, made safe to show, and where it lies."""

    name: str
    path: Path


@dataclass
class Form:
    """What a form holds, by the names of its parts, in order."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)


async def read_form(
    content_type: str, body: AsyncIterator[bytes], folder: Path, names: frozenset[str], most: int
) -> Form:
    """The form in a body.

    Args:
        content_type: header of the request, with the boundary.
        body: see `bodies.read_body`.
        folder: private; files are written into it as "0", "1" and so on.
        names: of the parts that are known.
        most: files.

    Raises:
        Refusal: it is no form, or has other parts or too many; 503 where the folder is full.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Refusal(422, NO_FORM)
    reading = _Reading(folder, names, most)
    try:
        parser = MultipartParser(options[b"boundary"], reading.callbacks())  # type: ignore[arg-type]
        async for block in body:
            parser.write(block)
        parser.finalize()
    except FormParserError:
        raise Refusal(422, NO_FORM) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise later(503, "the temporary folder of the service is full: try again later", 60) from error
    finally:
        reading.close()
    if not reading.ended:
        raise Refusal(422, NO_FORM)
    return reading.form


class _Reading:
    """The parser's callbacks; one part is open at a time."""

    def __init__(self, folder: Path, names: frozenset[str], most: int) -> None:
        self.form, self.ended = Form(), False
        self._folder, self._names, self._most = folder, names, most
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._name = ""
        self._file: BinaryIO | None = None
        self._text: list[bytes] = []
        self._count = self._files = self._bytes = 0

    def callbacks(self) -> dict[str, object]:
        """As `MultipartParser` takes them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        """Close a file whose part did not end."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._text = {}, []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name not in self._names:
            known = ", ".join(sorted(self._names))
            raise Refusal(422, f"the form has a part that is not known here: use {known}")
        if b"filename" not in options:
            self._count += 1
            if self._count > FIELDS:
                raise Refusal(422, f"the form has more than {FIELDS} parts beside its files: send fewer")
            return
        if self._files >= self._most:
            raise Refusal(413, f"the form has more than {self._most} files: send fewer at once")
        path = self._folder / str(self._files)
        self._files += 1
        name = display_name(options[b"filename"].decode("utf-8", "replace"))
        self.form.files.setdefault(self._name, []).append(Upload(name, path))
        self._file = path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._bytes += end - start
        if self._bytes > FIELD_BYTES:
            raise Refusal(
                413, f"the parts beside the files have more than {FIELD_BYTES // 1024} KB: send less"
            )
        self._text.append(data[start:end])

    def _end(self) -> None:
        if self._file is not None:
            self.close()
            return
        text = b"".join(self._text).decode("utf-8", "replace")
        self.form.fields.setdefault(self._name, []).append(text)

    def _finish(self) -> None:
        self.ended = True
