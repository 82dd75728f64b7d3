"""What a provider operation costs the server, beside the npm package oidc-provider's.

    .venv/bin/python benchmarks/oidc.py [--rounds 5] [--seconds 6] [--operations refresh,code]

Prints JSON: for each operation CPU milliseconds of the application and the database together
(medians over the rounds), the peer's in the same run, and the ratio. docs/performance.md explains.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # `oidc` is the room, not this file

from benchmarks.harness.provider import Provider
from benchmarks.harness.windows import Load, Window
from benchmarks.servers import App, open_yard, start_app, start_peer

TARGETS_MS = {
    "discovery": 0.2,
    "jwks": 0.2,
    "client_credentials": 0.8,
    "refresh": 2.0,
    "code": 4.0,
    "userinfo": 0.8,
    "introspection": 0.8,
}
PEOPLE = 40


def main() -> None:
    args = _read_arguments()
    with open_yard() as yard:
        apps = [start_app(yard, people=PEOPLE, workers=args.workers)]
        if not args.no_peer:
            apps.append(start_peer(yard))
        found = asyncio.run(_measure_all(apps, args))
    print(json.dumps(_report(found, args), indent=2))


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of one window")
    parser.add_argument("--users", type=int, default=8, help="at once")
    parser.add_argument("--workers", type=int, default=2, help="granian's processes")
    parser.add_argument("--operations", default=",".join(TARGETS_MS))
    parser.add_argument("--no-peer", action="store_true")
    args = parser.parse_args()
    args.operations = args.operations.split(",")
    unknown = set(args.operations) - TARGETS_MS.keys()
    if unknown:
        parser.error(f"no such operation: {', '.join(sorted(unknown))}")
    return args


async def _measure_all(
    apps: list[App], args: argparse.Namespace
) -> dict[str, dict[str, list[Window]]]:
    """Measure each operation on both, one after the other, round by round: noise hits both."""
    loads = [Load(await Provider.discover(app.target), app.groups, args.users) for app in apps]
    found: dict[str, dict[str, list[Window]]] = {
        operation: {app.target.name: [] for app in apps} for operation in args.operations
    }
    for number in range(args.rounds):
        for operation in args.operations:
            for load in loads if number % 2 == 0 else reversed(loads):
                window = await load.measure(operation, args.seconds)
                name = load.provider.target.name
                found[operation][name].append(window)
                print(f"{number} {operation} {name} {window.cpu_ms:.2f} ms", file=sys.stderr)
    return found


def _report(found: dict[str, dict[str, list[Window]]], args: argparse.Namespace) -> dict[str, Any]:
    return {
        "what": "CPU ms per operation, application and database together, medians over the rounds",
        "rounds": args.rounds,
        "seconds": args.seconds,
        "users": args.users,
        "workers": args.workers,
        "operations": {
            operation: _compare(operation, by_name) for operation, by_name in found.items()
        },
    }


def _compare(operation: str, by_name: dict[str, list[Window]]) -> dict[str, Any]:
    sums = {name: _sum_up(windows) for name, windows in by_name.items()}
    result: dict[str, Any] = {"target_ms": TARGETS_MS[operation], **sums}
    ours, *peers = by_name.values()
    for peer in peers:
        # Round by round, then the median: what disturbed a round disturbed both.
        ratios = [mine.cpu_ms / its.cpu_ms for mine, its in zip(ours, peer, strict=True)]
        result["ratio"] = round(statistics.median(ratios), 3)
    return result


def _sum_up(windows: list[Window]) -> dict[str, Any]:
    names = windows[0].cpu_ms_by_group
    return {
        "cpu_ms": _median(window.cpu_ms for window in windows),
        "lowest_cpu_ms": round(min(window.cpu_ms for window in windows), 3),
        "by_process": {
            name: _median(window.cpu_ms_by_group[name] for window in windows) for name in names
        },
        "per_second": _median(window.per_second for window in windows),
        "p50_ms": _median(window.p50_ms for window in windows),
        "p95_ms": _median(window.p95_ms for window in windows),
        "speed_us": _median(window.speed_us for window in windows),
        "foreign_cores": _median(window.foreign_cores for window in windows),
        "errors": sorted({error for window in windows for error in window.errors}),
    }


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)


if __name__ == "__main__":
    main()
