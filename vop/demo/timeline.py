"""A past that happened in order: acts are collected with their moments, then done one by one."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

Act = Callable[[datetime], object]


@dataclass
class Timeline:
    """What happened when; the log is written in the order in which things happened."""

    _acts: list[tuple[datetime, int, Act]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    def at(self, moment: datetime, act: Act) -> None:
        """Have something happen at a moment; acts of the same moment keep their order."""
        heapq.heappush(self._acts, (moment, next(self._order), act))

    def play(self, *, until: datetime) -> None:
        """Do everything up to a moment, earliest first."""
        while self._acts and self._acts[0][0] <= until:
            moment, _number, act = heapq.heappop(self._acts)
            act(moment)
