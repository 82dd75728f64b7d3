"""CPU time of process trees and of the machine, from /proc (10 ms steps)."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_CALIBRATION_ROUNDS = 12_000


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    cpu: float  # seconds, own and of children that were waited for


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU seconds used so far, by group of processes and by the whole machine."""

    groups: dict[str, float]
    machine: float


def take_snapshot(groups: dict[str, int]) -> Snapshot:
    """Return what each process tree has used; `groups` names its root."""
    table = _read_processes()
    used = {
        name: sum(table[pid].cpu for pid in _tree(root, table)) for name, root in groups.items()
    }
    return Snapshot(used, _read_machine())


def measure_speed() -> float:
    """Return CPU microseconds of a fixed piece of work: shared cores run at a changing speed."""
    start = time.thread_time_ns()
    value = 0
    for step in range(_CALIBRATION_ROUNDS):
        value = (value * 31 + step) & 0xFFFFFF
    return (time.thread_time_ns() - start) / 1000


def _tree(root: int, table: dict[int, _Process]) -> set[int]:
    if root not in table:
        raise ProcessLookupError(root)
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def _read_processes() -> dict[int, _Process]:
    found: dict[int, _Process] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:  # it ended meanwhile
            continue
        fields = text[text.rindex(")") + 2 :].split()
        # utime, stime, cutime, cstime: proc(5) counts them from 14, this list from 3.
        ticks = sum(int(field) for field in fields[11:15])
        found[int(entry.name)] = _Process(int(fields[1]), ticks / TICKS)
    return found


def _read_machine() -> float:
    first = Path("/proc/stat").read_text().partition("\n")[0]
    numbers = [int(field) for field in first.split()[1:9]]
    idle, waiting = numbers[3], numbers[4]
    return (sum(numbers) - idle - waiting) / TICKS
