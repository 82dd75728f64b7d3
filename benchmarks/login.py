"""What a full password sign-in costs the server, beside its one Argon2id hash.

    .venv/bin/python benchmarks/login.py [--rounds 5] [--seconds 10]

A sign-in is an empty browser: authorize, the sign-in page, the password, the code, the tokens. The
yardstick is the bare hash of the same password, on as many cores and as many at once. Prints JSON.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # `oidc` is the room, not this file

from benchmarks.harness.provider import Provider
from benchmarks.harness.windows import Load, Window
from benchmarks.servers import App, open_yard, start_app

TARGET_RATIO = 1.1
PEOPLE = 40
THREADS = 2  # as many as granian gives each worker


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one window")
    parser.add_argument("--users", type=int, default=8, help="at once")
    parser.add_argument("--workers", type=int, default=2, help="granian's processes")
    args = parser.parse_args()
    with open_yard() as yard:
        app = start_app(yard, people=PEOPLE, workers=args.workers)
        windows, hashes = asyncio.run(_measure(app, args))
    print(json.dumps(_report(windows, hashes), indent=2))


async def _measure(app: App, args: argparse.Namespace) -> tuple[list[Window], list[float]]:
    load = Load(await Provider.discover(app.target), app.groups, args.users)
    windows: list[Window] = []
    hashes: list[float] = []
    for number in range(args.rounds):
        hashes.append(measure_hash(app, seconds=args.seconds / 2, workers=args.workers))
        windows.append(await load.measure("login", args.seconds))
        found = f"{windows[-1].cpu_ms:.1f} ms, the hash {hashes[-1]:.1f} ms"
        print(f"{number} login {found}", file=sys.stderr)
    return windows, hashes


def measure_hash(app: App, *, seconds: float, workers: int) -> float:
    """Return CPU milliseconds of one verification, with every core busy as in the sign-ins."""
    given = (app.password_hash, app.target.password, seconds)
    with ProcessPoolExecutor(workers) as pool:
        found = list(pool.map(_hash_for, [given] * workers))
    counts, cpu_seconds = zip(*found, strict=True)
    total, done = sum(cpu_seconds), sum(counts)
    return float(1000 * total / done)


def _hash_for(given: tuple[str, str, float]) -> tuple[int, float]:
    encoded, password, seconds = given
    hasher, text = PasswordHasher(), encoded.removeprefix("argon2")
    end = time.monotonic() + seconds

    def verify_until_end(_thread: int) -> int:
        count = 0
        while time.monotonic() < end:
            hasher.verify(text, password)
            count += 1
        return count

    start = time.process_time()
    with ThreadPoolExecutor(THREADS) as pool:
        count = sum(pool.map(verify_until_end, range(THREADS)))
    return count, time.process_time() - start


def _report(windows: list[Window], hashes: list[float]) -> dict[str, object]:
    ratios = [window.cpu_ms / its for window, its in zip(windows, hashes, strict=True)]
    names = windows[0].cpu_ms_by_group
    return {
        "what": "CPU ms of a full password sign-in and of its one Argon2id hash, medians",
        "rounds": len(windows),
        "sign_in_ms": round(statistics.median(window.cpu_ms for window in windows), 1),
        "by_process": {
            name: round(statistics.median(w.cpu_ms_by_group[name] for w in windows), 1)
            for name in names
        },
        "hash_ms": round(statistics.median(hashes), 1),
        "ratio": round(statistics.median(ratios), 3),
        "target_ratio": TARGET_RATIO,
        "errors": sorted({error for window in windows for error in window.errors}),
    }


if __name__ == "__main__":
    main()
