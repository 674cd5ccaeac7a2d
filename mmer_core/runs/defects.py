"""Telling the log about a defect without telling it what a person gave."""

from __future__ import annotations

import logging
import traceback


def log_defect(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log where an unexpected error came from, without its message, which may hold somebody's words or the
    name of a file.

    Args:
        log: to write to.
        what: went wrong, without anything that a person gave.
        error: that was caught.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s (%s)\n%s", what, type(error).__name__, frames)
