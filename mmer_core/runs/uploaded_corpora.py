"""Corpora that the app received, in temporary folders: they may go when their app has ended and no training
reads them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from mmer_core.media.private_folder import outside
from mmer_core.runs import jobs
from mmer_core.runs.process_identity import started_at
from mmer_core.runs.titles import UPLOADED

_OWNER = re.compile(re.escape(UPLOADED) + r"(\d+)-")


def remove_unused(folder: Path, home: Path) -> None:
    """Remove a received corpus, unless a training that runs reads it; then `remove_orphans` does later."""
    with contextlib.suppress(OSError):
        if not any(_reads(job, folder) for job in jobs.listed(home)[0]):
            shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(home: Path, below: Path | None = None) -> None:
    """Remove received corpora whose app has ended and that no training reads.

    Args:
        home: the folder of runs, where trainings are listed.
        below: the temporary folder; by default the machine's.
    """
    for folder in (below or outside()).glob(f"{UPLOADED}*"):
        owner = _OWNER.match(folder.name)
        if owner and started_at(int(owner[1])) is None and folder.stat().st_uid == os.getuid():
            remove_unused(folder, home)


def _reads(job: jobs.Job, folder: Path) -> bool:
    """Whether a training that runs reads this folder."""
    return job.status is jobs.Status.RUNNING and any(
        str(folder) in part for command in job.commands for part in command
    )
