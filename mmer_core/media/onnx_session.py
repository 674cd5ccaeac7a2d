"""Networks in ONNX Runtime on the processor."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def open_session(model: bytes | Path, threads: int, *, as_ort: bool = False) -> onnxruntime.InferenceSession:
    """A network, ready to run.

    Args:
        model: an ONNX model, with its weights; or the file that holds it, whose bytes are then not kept.
        threads: of the processor.
        as_ort: it is in the runtime's own format, already simplified.

    Raises:
        Exception: the model cannot be read; onnxruntime's exceptions have no common base.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised as well
    options.enable_cpu_mem_arena = False  # it keeps what the largest input needed, and is hardly faster
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others compute beside it
    if as_ort:
        options.add_session_config_entry("session.load_model_format", "ORT")
    given = str(model) if isinstance(model, Path) else model
    session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    session._model_bytes = b""  # kept for other providers, of which there are none, beside the runtime's copy
    return session
