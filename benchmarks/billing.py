"""What a billing run of many renewals takes, beside set-based SQL that writes the same rows.

    .venv/bin/python benchmarks/billing.py [--subscriptions 1000000] [--kills 18] [--workers 2]

Starts a PostgreSQL of its own. Prints JSON: CPU seconds of workers and database together, wall
seconds, memory; the yardstick's CPU seconds in the same run, and the ratio. docs/performance.md
explains. A run that was killed must give the bytes of the one that wasn't: else exit status 1.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # `billing` is the room, not this file

import psycopg2  # type: ignore[import-untyped]

from benchmarks.harness.resources import measure_speed, take_snapshot
from benchmarks.servers import ROOT, Running, Yard, open_yard, start_postgres

TARGETS = {"run": 90, "preview": 60, "memory_mb": 500, "purchase_ms": 50, "pdf_ms": 150}
# What a server of this size would have; durability stays as it is.
SERVER_OPTIONS = {
    "shared_buffers": "4GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
}


class Bench:
    """A server with one filled database, of which every measurement gets a copy."""

    def __init__(self, yard: Yard, server: Running, url: str, workers: int) -> None:
        self.yard, self.server, self.url, self.workers = yard, server, url, workers
        self.number = 0

    def connect(self, database: str) -> Any:
        host = unquote(urlsplit(self.url).netloc.partition("@")[2])
        connection = psycopg2.connect(host=host, user="vop", dbname=database)
        connection.autocommit = True
        return connection

    def ask(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect(database)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def copy(self) -> str:
        """Return a fresh copy of the filled database."""
        self.number += 1
        name = f"copy{self.number}"
        self.ask("postgres", f"CREATE DATABASE {name} TEMPLATE filled STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.ask("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def environment(self, database: str) -> dict[str, str]:
        return {
            **os.environ,
            "SECRET_KEY": "benchmark",
            "VOP_ENCRYPTION_KEYS": "LN8DwHqzB0VCU1Fi9M6TmWLoZ8Xgh1cZfwbGpYc7UqY=",
            "BASE_URL": "http://localhost:8000",
            "VOP_VAR": str(self.yard.folder / "var"),
            "DATABASE_URL": f"{self.url.rpartition('/')[0]}/{database}",
            "CELERY_BROKER_URL": "memory://",
            "LOG_LEVEL": "ERROR",
        }

    def call(self, database: str, *words: str) -> str:
        command = [sys.executable, "-m", "benchmarks.billing_yard", *words]
        env = self.environment(database)
        return subprocess.run(
            command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def start(self, database: str, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.billing_yard", *words],
            cwd=ROOT,
            env=self.environment(database),
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, database: str, what: str, run: str) -> dict[str, Any]:
        """Have the workers do a run together; measure them and the server."""
        with self.measured() as found:
            workers = [self.start(database, what, run) for _ in range(self.workers)]
            told = [_read(worker) for worker in workers]
            self.wait_for_end()
        found["seconds"] = round(max(one["seconds"] for one in told), 1)
        found["worker_cpu_seconds"] = round(sum(one["cpu_seconds"] for one in told), 1)
        found["cpu_seconds"] = round(found["server_cpu_seconds"] + found["worker_cpu_seconds"], 1)
        found["cpu_seconds_per_core"] = round(found["cpu_seconds"] / self.workers, 1)
        found["memory_mb"] = round(max(one["max_rss_mb"] for one in told))
        found["memory_mb_half_way"] = round(max(one["half_way_rss_mb"] for one in told))
        return found

    def wait_for_end(self) -> None:
        """Wait until the server has counted what its processes for a copy used."""
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'copy%'"
        while self.ask("postgres", asked)[0][0]:
            time.sleep(0.05)
        time.sleep(0.2)

    @contextlib.contextmanager
    def measured(self) -> Iterator[dict[str, Any]]:
        found: dict[str, Any] = {}
        before, start = take_snapshot({"server": self.server.pid}), time.monotonic()
        yield found
        used = take_snapshot({"server": self.server.pid}).groups["server"]
        found["wall_seconds"] = round(time.monotonic() - start, 1)
        found["server_cpu_seconds"] = round(used - before.groups["server"], 1)


def main() -> int:
    args = _read_arguments()
    with open_yard() as yard:
        server, url = start_postgres(yard, "billing", SERVER_OPTIONS)
        bench = Bench(yard, server, url, args.workers)
        _prepare(bench, args.subscriptions)
        report = _measure(bench, args)
    print(json.dumps(report, indent=2))
    return 0 if report["whole"]["correct"] and report.get("killed", {"same": True})["same"] else 1


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--subscriptions", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=18)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _prepare(bench: Bench, subscriptions: int) -> None:
    bench.ask("postgres", "CREATE DATABASE filled")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env=bench.environment("filled"),
        check=True,
    )
    _tell(f"filling {subscriptions} subscriptions")
    bench.call("filled", "fill", str(subscriptions))


def _measure(bench: Bench, args: argparse.Namespace) -> dict[str, Any]:
    database = bench.copy()
    with bench.measured() as planned:
        run = bench.call(database, "open")
    _tell("preview")
    preview = bench.work(database, "preview", run)
    bench.call(database, "approve", run)
    _tell("run")
    whole = bench.work(database, "run", run)
    found = _find(bench, database)
    whole |= {"correct": found["lines"] == args.subscriptions and not found["faults"], **found}
    _tell("purchases and documents")
    alone = json.loads(bench.call(database, "alone"))
    bench.drop(database)
    _tell("yardstick")
    yardstick = _measure_yardstick(bench)
    report = {
        "what": "CPU seconds of workers and database together; targets are for a core each",
        "subscriptions": args.subscriptions,
        "targets": TARGETS,
        "speed_us": round(measure_speed()),
        "planned": planned,
        "preview": preview,
        "whole": whole,
        "yardstick": yardstick,
        "ratio": round(whole["cpu_seconds"] / yardstick["server_cpu_seconds"], 2),
        **alone,
    }
    if args.kills:
        report["killed"] = _measure_killed(bench, args.kills, whole)
    return report


def _measure_yardstick(bench: Bench) -> dict[str, Any]:
    """Write the same rows by a few statements over whole tables, in one transaction."""
    database = bench.copy()
    sql = (ROOT / "benchmarks" / "billing.sql").read_text()
    with bench.measured() as found:
        bench.ask(database, f"BEGIN; {sql}; COMMIT")
    found |= _find(bench, database)
    bench.drop(database)
    return found


def _measure_killed(bench: Bench, kills: int, whole: dict[str, Any]) -> dict[str, Any]:
    """Kill workers at any moment, start others in their place, and compare what comes of it."""
    _tell(f"{kills} kills")
    database = bench.copy()
    run = bench.call(database, "open")
    bench.work(database, "preview", run)
    bench.call(database, "approve", run)
    chance = random.Random(7)  # noqa: S311 (moments to kill at)
    pace = whole["seconds"] * bench.workers / (kills + 2)
    done = 0
    while done < kills:
        worker = bench.start(database, "run", run)
        if worker.stdout is not None:
            worker.stdout.readline()
        try:
            worker.wait(chance.uniform(0.1, 1.6) * pace)
            break  # it came to its end before its turn
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            done += 1
    bench.work(database, "run", run)
    found = _find(bench, database)
    bench.drop(database)
    same = not found["faults"] and all(found[name] == whole[name] for name in ("lines", "sha256"))
    return {"kills": done, "same": same, **found}


def _find(bench: Bench, database: str) -> dict[str, Any]:
    """Count what a run left behind: what is missing, double, wrong in sum, or out of series."""

    def one(sql: str) -> Any:
        return bench.ask(database, sql)[0][0]

    questions: dict[str, str] = {
        "missing": "SELECT count(*) FROM billing_subscription WHERE billed_through <= '2026-11-25'",
        "double": "SELECT count(*) - count(DISTINCT (subscription_id, period_start))"
        " FROM billing_basisline",
        "sums": "SELECT count(*) FROM billing_invoicebasis basis JOIN (SELECT basis_id,"
        " sum(net_cents) AS net FROM billing_basisline GROUP BY 1) line ON line.basis_id = basis.id"
        " WHERE line.net <> basis.net_cents",
        "vat": "SELECT count(*) FROM billing_invoicebasis basis JOIN (SELECT basis_id,"
        " sum(base_cents) AS net, sum(vat_cents) AS vat FROM billing_vattotal GROUP BY 1) part"
        " ON part.basis_id = basis.id"
        " WHERE part.net <> basis.net_cents OR part.vat <> basis.vat_cents",
        "series": "SELECT count(*) - coalesce(max(number), 0) FROM billing_invoicebasis",
    }
    counts = {name: int(one(sql)) for name, sql in questions.items()}
    digest = (
        "SELECT encode(sha256(convert_to(string_agg(content_sha256, ' ' ORDER BY number), 'UTF8')),"
        " 'hex') FROM billing_invoicebasis"
    )
    return {
        "lines": int(one("SELECT count(*) FROM billing_basisline")),
        "bases": int(one("SELECT count(*) FROM billing_invoicebasis")),
        "events": int(one("SELECT count(*) FROM auditlog_event WHERE action ~ '^subscription'")),
        "faults": {name: count for name, count in counts.items() if count},
        "sha256": one(digest),
    }


def _read(worker: "subprocess.Popen[str]") -> dict[str, float]:
    """Return what a worker tells at its end, after that it was ready."""
    told: dict[str, float] = json.loads(worker.communicate()[0].splitlines()[-1])
    return told


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
