"""The measurements as text: a table, what the targets come to, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.compared.children import Measured
from benchmarks.compared.tasks import OURS, Task

#: {task: {entrant: what was measured}}, by their titles, in the order of the table.
Results = Mapping[str, Mapping[str, Measured]]
NONE = "–"
ANALYZE_TARGET, FACE_TARGET = 1.3, 2.3  # times the floor; seconds for the 79 frames


def seconds(value: float | None) -> str:
    """Seconds with three digits that count."""
    if value is None:
        return NONE
    return f"{1000 * value:.3g} ms" if value < 0.1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def mebibytes(value: int) -> str:
    """Bytes in MiB."""
    return f"{value / 2**20:.0f} MiB" if value else NONE


def floor(task: Task, results: Results) -> float | None:
    """The warm seconds of the task's floor: all of its parts together; None unless each was measured."""
    parts = [results[task.title].get(e.title, Measured()).seconds for e in task.entrants if e.role == "floor"]
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def ratio(task: Task, results: Results) -> float | None:
    """How many times its floor this project takes; None where one of them was not measured."""
    ours, least = results[task.title].get(OURS, Measured()).seconds, floor(task, results)
    return ours / least if ours is not None and least else None


def rows(task: Task, results: Results) -> list[list[str]]:
    """Cells of a task's rows: who, cold, warm, memory, what came of it."""
    found = []
    for entrant in task.entrants:
        one = results[task.title].get(entrant.title)
        if one is None:
            continue
        if one.failure:
            found.append([entrant.title, NONE, NONE, NONE, f"not measured: {one.failure}"])
            continue
        # what a floor was prepared with is not its own
        memory = mebibytes(0 if one.cold is None else one.memory)
        found.append([entrant.title, seconds(one.cold), seconds(one.seconds), memory, one.detail])
    return found


def markdown(tasks: Sequence[Task], results: Results) -> str:
    """A table for each task."""
    parts = []
    for task in tasks:
        if task.title not in results:
            continue
        head = ["", "Cold start", f"Warm, {task.unit}", "Memory", ""]
        lines = [head, ["---", "---:", "---:", "---:", "---"], *rows(task, results)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"### {task.title}\n\n{table}")
        least, times = floor(task, results), ratio(task, results)
        if least is not None and times is not None:
            parts.append(f"The floor is {seconds(least)}; this project takes {times:.2f} times that.")
    return "\n\n".join(parts)


def spent(tasks: Sequence[Task], results: Results) -> str:
    """Where the warm time of this project and of its floors goes, step by step."""
    lines = []
    for task in tasks:
        for title, one in results.get(task.title, {}).items():
            steps = one.spent()
            if steps:
                said = ", ".join(f"{name} {seconds(value)}" for name, value in steps.items())
                lines.append(f"- {task.title}; {title[0].lower()}{title[1:]}: {said}.")
    return "\n".join(lines)


def versions(results: Results) -> str:
    """The packages of all tools, each with all its versions."""
    found: dict[str, set[str]] = {}
    for task in results.values():
        for one in task.values():
            for name, value in one.versions.items():
                found.setdefault(name, set()).add(value)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in sorted(found, key=str.lower))


def targets(tasks: Sequence[Task], results: Results, *, own: bool, busy: bool) -> str:
    """The two figures that this project holds itself to.

    Args:
        tasks: the face video first, and Analyze behind it.
        results: of them.
        own: the video is somebody's own, for which the second target means nothing.
        busy: other programs were running, so that nothing is said of whether they are reached: what is
            measured one after another does not compare then, and a ratio may even be below 1.
    """
    lines = []
    for task in tasks[1:]:
        times = ratio(task, results) if task.title in results else None
        if times is not None:
            said = verdict(times <= ANALYZE_TARGET, busy)
            lines.append(f"- {task.title}: {times:.2f} times the floor (target {ANALYZE_TARGET}: {said}).")
    face = results.get(tasks[0].title, {}).get(OURS, Measured()).seconds
    if face is not None and not own:
        said = verdict(face <= FACE_TARGET, busy)
        lines.append(f"- {tasks[0].title}: {seconds(face)} (target {FACE_TARGET} s: {said}).")
    return "\n".join(lines)


def verdict(reached: bool, busy: bool) -> str:
    """Whether a target is reached, in words."""
    return "not judged, other programs were running" if busy else "reached" if reached else "not reached"
