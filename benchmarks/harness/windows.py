"""One measured window: some users do one operation for some seconds, and what that costs."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.harness.http import HttpError
from benchmarks.harness.provider import Provider, VirtualUser
from benchmarks.harness.resources import Snapshot, measure_speed, take_snapshot

Operation = Callable[[VirtualUser], Awaitable[object]]
_NEEDS_TOKENS = frozenset({"refresh", "code", "userinfo", "introspection"})
_WARM_UP = 1.0
_BREATH = 0.15  # between two looks at the speed of the cores


@dataclass(frozen=True, slots=True)
class Window:
    """What one window found; CPU in milliseconds per operation, without the client's own."""

    operations: float
    cpu_ms: float
    cpu_ms_by_group: dict[str, float]
    per_second: float
    p50_ms: float
    p95_ms: float
    speed_us: float
    foreign_cores: float
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Record:
    latencies: list[tuple[float, float]] = field(default_factory=list)  # (end, seconds)
    errors: list[str] = field(default_factory=list)


class Load:
    """The concurrent users of one provider, kept over all windows."""

    def __init__(self, provider: Provider, groups: dict[str, int], users: int) -> None:
        names = provider.target.users
        self.provider = provider
        self.groups = groups
        self.users = [VirtualUser(names[number % len(names)]) for number in range(users)]

    async def measure(self, operation: str, seconds: float) -> Window:
        """Run one window. Users that need tokens get new ones first."""
        if operation in _NEEDS_TOKENS:
            for user in self.users:
                await self.provider.renew(user)
        record = _Record()
        start = time.monotonic() + _WARM_UP
        end = start + seconds
        action: Operation = getattr(self.provider, operation)
        loops = [_repeat(action, user, end, record) for user in self.users]
        watched, _done = await asyncio.gather(self._watch(start, end), asyncio.gather(*loops))
        before, after, own, speed = watched
        return _sum_up(record, before, after, own=own, speed=speed, start=start, end=end)

    async def _watch(self, start: float, end: float) -> tuple[Snapshot, Snapshot, float, float]:
        await asyncio.sleep(start - time.monotonic())
        before, own = take_snapshot(self.groups), time.process_time()
        speeds = []
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(_BREATH, left))
            speeds.append(measure_speed())
        return (
            before,
            take_snapshot(self.groups),
            time.process_time() - own,
            statistics.median(speeds),
        )


async def _repeat(action: Operation, user: VirtualUser, end: float, record: _Record) -> None:
    while (started := time.monotonic()) < end:
        try:
            await action(user)
        except (HttpError, OSError, KeyError, ValueError) as error:
            record.errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.05)
        else:
            finished = time.monotonic()
            record.latencies.append((finished, finished - started))


def _sum_up(
    record: _Record,
    before: Snapshot,
    after: Snapshot,
    *,
    own: float,
    speed: float,
    start: float,
    end: float,
) -> Window:
    # An operation counts by the share of its life inside the window: slow ones as well as fast.
    count = sum(
        max(0.0, min(end, finished) - max(start, finished - took)) / took
        for finished, took in record.latencies
    )
    inside = sorted(took for finished, took in record.latencies if start <= finished <= end)
    if not inside:
        raise SystemExit(f"nothing was answered: {record.errors[:1]}")
    used = {name: after.groups[name] - before.groups[name] for name in after.groups}
    foreign = after.machine - before.machine - sum(used.values()) - own
    return Window(
        operations=count,
        cpu_ms=1000 * sum(used.values()) / count,
        cpu_ms_by_group={name: 1000 * seconds / count for name, seconds in used.items()},
        per_second=count / (end - start),
        p50_ms=1000 * inside[len(inside) // 2],
        p95_ms=1000 * inside[int(len(inside) * 0.95)],
        speed_us=speed,
        foreign_cores=max(0.0, foreign / (end - start)),
        errors=tuple(record.errors[:3]),
    )
