"""From Streamlit's uploader to sources, without a second copy in memory."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mmer_core.media.file_checks import MediaError
from ui.analyze.kept_file import KeptFile
from ui.analyze.source import LARGE, Source

_ERRORS = "upload-errors"


def take_uploads(key: str) -> list[Source]:
    """The files in the uploader with this key, which is empty afterwards: Streamlit, which would hold them to
    the end of the visit, lets them go. What could not be kept is told by `upload_errors`.
    """
    given: Sequence[UploadedFile] = st.session_state.get(key) or ()
    found: list[Source] = []
    errors: list[str] = []
    for file in given:
        try:
            found.append(_source(file))
        except MediaError as reason:
            errors.append(str(reason))
        _release(file)
    if key in st.session_state:
        del st.session_state[key]
    st.session_state[_ERRORS] = errors
    return found


def upload_errors() -> Sequence[str]:
    """Why files of the last upload could not be taken, a sentence each."""
    errors: Sequence[str] = st.session_state.get(_ERRORS, ())
    return errors


def _source(file: UploadedFile) -> Source:
    """A large file goes to disk in blocks; `getvalue` gives Streamlit's own bytes, not a copy."""
    if file.size >= LARGE:
        return Source(file.name, file=KeptFile(file, file.name))
    return Source(file.name, file.getvalue())


def _release(file: UploadedFile) -> None:
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    file.close()
