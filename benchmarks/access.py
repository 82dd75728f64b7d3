"""What the one access decision takes for a person with many companies, in CPU of this process.

    .venv/bin/python benchmarks/access.py [--companies 500] [--rounds 2000]

Half of the companies know the person as a member with a seat, half through their firm's mandate.
Runs on SQLite, so that the figure has the database's work in it. Prints JSON: microseconds of CPU
for one decision (median of ten slices), and beside it two look-ups by primary key.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # `access` is not this file
TARGET_US = 1000
SLICES = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        set_up(place)
        figures = measure(options.companies, options.rounds)
    print(json.dumps(figures, indent=2))
    return 0 if figures["decision_us"] <= TARGET_US else 1


def set_up(place: str) -> None:
    os.environ |= {
        "VOP_VAR": place,
        "DATABASE_URL": f"sqlite:///{place}/bench.sqlite3",
        "SECRET_KEY": "benchmark-only",
        "VOP_ENCRYPTION_KEYS": "LN8DwHqzB0VCU1Fi9M6TmWLoZ8Xgh1cZfwbGpYc7UqY=",
        "BASE_URL": "http://localhost:8000",
        "DJANGO_SETTINGS_MODULE": "vop.settings",
    }
    import django  # noqa: PLC0415 (the settings are read at the import)
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", verbosity=0)


def measure(companies: int, rounds: int) -> dict[str, Any]:
    from accounts.models import User  # noqa: PLC0415
    from benchmarks.access_world import make_world  # noqa: PLC0415
    from services.access import Access, effective_access  # noqa: PLC0415

    person, service, targets = make_world(companies)
    now = datetime.now(UTC)

    def decide(number: int) -> None:
        company = targets[number % len(targets)]
        is_open = isinstance(effective_access(person, company, service, now), Access)
        if not is_open:
            raise RuntimeError(company)

    def look_up(_number: int) -> None:
        User.objects.get(pk=person.pk)
        User.objects.get(pk=person.pk)

    return {
        "companies": companies,
        "decision_us": time_of(decide, rounds),
        "target_us": TARGET_US,
        "yardstick_two_lookups_us": time_of(look_up, rounds),
    }


def time_of(work: Callable[[int], None], rounds: int) -> float:
    """Return microseconds of CPU for one call: the median over slices, so that a hiccup is none."""
    for number in range(50):
        work(number)
    size = max(1, rounds // SLICES)
    found = []
    for part in range(SLICES):
        begun = time.process_time()
        for number in range(size):
            work(part * size + number)
        found.append((time.process_time() - begun) / size * 1e6)
    return round(statistics.median(found), 1)


if __name__ == "__main__":
    sys.exit(main())
