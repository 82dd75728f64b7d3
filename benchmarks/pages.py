"""What every page of a company takes, for a large and a small one among very many.

    .venv/bin/python benchmarks/pages.py [--companies 100000] [--memberships 500000] [--rounds 7]

Starts a PostgreSQL of its own and fills it in bulk. Opens each address that carries a company and
takes GET (the permission matrix's own list) as the owner of a large and of a small company, and as
somebody who works for every client of a firm with 1,000. Prints JSON: queries, milliseconds of the
server (wall and CPU of this process, median, by an in-process client), bytes, and what is over.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # `pages` is not this file

from benchmarks.harness.resources import measure_speed
from benchmarks.servers import open_yard, start_postgres

if TYPE_CHECKING:
    from benchmarks.pages_world import Subject

MOST_QUERIES = 14
MOST_MS = 100.0
BENCH_MS = 300.0
BENCH = {"billing:clients", "services:review"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=100_000)
    parser.add_argument("--memberships", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with open_yard() as yard:
        _server, url = start_postgres(yard, "pages")
        set_up(str(yard.folder / "var"), url)
        report = run(options)
    print(json.dumps(report, indent=2))
    return 1 if report["over"] else 0


def set_up(place: str, url: str) -> None:
    # The tests' settings: no hashed names of static files, mail kept in memory.
    os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    os.environ |= {"LOG_LEVEL": "ERROR", "VOP_VAR": place}
    import django  # noqa: PLC0415 (the settings are read at the import)
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", verbosity=0)


def run(options: argparse.Namespace) -> dict[str, Any]:
    begun = time.monotonic()
    subjects = make_subjects()
    fill(options.companies, options.memberships)
    seconds = time.monotonic() - begun
    speed = measure_speed()
    pages = [
        page
        for kind, subject in subjects.items()
        for page in measure_pages(kind, subject, options.rounds)
    ]
    over = [page for page in pages if is_over(page)]
    return {
        "companies": options.companies,
        "memberships": options.memberships,
        "filled_in_seconds": round(seconds, 1),
        "speed_us": [round(speed), round(measure_speed())],
        "yardstick_two_lookups_ms": time_lookups(),
        "not_opened": sorted(set(list_names()) - {page["name"] for page in pages}),
        "over": over,
        "pages": pages,
    }


def make_subjects() -> dict[str, "Subject"]:
    from benchmarks.pages_world import (  # noqa: PLC0415 (after the settings)
        Size,
        make_catalogue,
        make_firm,
        make_firms,
        make_subject,
        open_doors,
    )

    roles = make_catalogue(50)
    firms = make_firms(20)
    subjects = {
        "large": make_subject(Size(2000, 50, 200, 0, 20_000), roles, firms),
        "small": make_subject(Size(3, 2, 1, 0, 50), roles, firms[:1]),
        "firm": make_firm(Size(500, 0, 0, 1000, 0), roles),
    }
    for subject in subjects.values():
        open_doors(subject)
    return subjects


def fill(companies: int, memberships: int) -> None:
    """Add the companies that nobody opens, by the database alone."""
    from django.db import connection, transaction  # noqa: PLC0415

    from services.models import ServiceRole  # noqa: PLC0415

    role = ServiceRole.objects.order_by("pk")[0]
    each = max(2, memberships // companies)
    values: dict[str, str | int | datetime] = {
        "companies": companies,
        "people": max(each, memberships // 4),
        "each": each,
        "service": str(role.service_id),
        "role": str(role.pk),
        "start": datetime.now(UTC) - timedelta(days=90),
    }
    sql = (ROOT / "benchmarks" / "pages.sql").read_text(encoding="utf-8")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def list_names() -> Iterator[str]:
    """List the addresses that carry a company and can be looked at."""
    from tests.matrix.rules import GET  # noqa: PLC0415
    from tests.test_permission_matrix import OWN_ADDRESSES, RULES  # noqa: PLC0415

    for name, entry in sorted(OWN_ADDRESSES.items()):
        if "company_id" in entry.pattern.converters and GET in RULES[name].methods:
            yield name


def measure_pages(kind: str, subject: "Subject", rounds: int) -> Iterator[dict[str, Any]]:
    """Open every page that a subject has; one that breaks is a fault."""
    from django.test import Client  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from tests.test_permission_matrix import BACKEND, OWN_ADDRESSES  # noqa: PLC0415

    client = Client()
    client.force_login(subject.viewer, backend=BACKEND)
    known = {"company_id": subject.company.pk, **subject.arguments}
    for name in list_names():
        wanted = OWN_ADDRESSES[name].pattern.converters
        if not set(wanted) <= set(known):
            continue
        url = reverse(name, kwargs={argument: known[argument] for argument in wanted})
        found = measure(client, url, rounds)
        if found is not None:
            yield {"kind": kind, "name": name, **found}


def measure(client: Any, url: str, rounds: int) -> dict[str, Any] | None:
    """Open a page some times; nothing for one that isn't there for this subject (403, 404)."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    first = client.get(url)
    if first.status_code in {403, 404}:
        return None
    if first.status_code not in {200, 302, 422}:  # 422: a page that says what stands in the way
        raise RuntimeError(f"{url}: {first.status_code}")
    with CaptureQueriesContext(connection) as queries:
        size = sum(map(len, client.get(url)))
    asked = len(queries)  # the next request empties the list
    wall, cpu = [], []
    for _ in range(rounds):
        begun, busy = time.perf_counter(), time.process_time()
        for _chunk in client.get(url):
            pass
        cpu.append(time.process_time() - busy)
        wall.append(time.perf_counter() - begun)
    return {
        "queries": asked,
        "ms": round(statistics.median(wall) * 1000, 1),
        "cpu_ms": round(statistics.median(cpu) * 1000, 1),
        "bytes": size,
        "status": first.status_code,
    }


def is_over(page: dict[str, Any]) -> bool:
    limit = BENCH_MS if page["name"] in BENCH else MOST_MS
    return bool(page["queries"] > MOST_QUERIES or page["ms"] > limit)


def time_lookups() -> float:
    """Return milliseconds of two look-ups by primary key, the least that a page could do."""
    from accounts.models import User  # noqa: PLC0415

    key = User.objects.order_by("pk").values_list("pk", flat=True)[0]
    found = []
    for _ in range(50):
        begun = time.perf_counter()
        User.objects.get(pk=key)
        User.objects.get(pk=key)
        found.append(time.perf_counter() - begun)
    return round(statistics.median(found) * 1000, 2)


if __name__ == "__main__":
    sys.exit(main())
