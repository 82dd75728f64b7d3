"""The whole house as `bin/demo` runs it, and Debian's Chromium before it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
START_SECONDS = 240


@dataclass(frozen=True)
class House:
    """A running demo: its addresses, and what demo.json says of its people."""

    base_url: str
    status_url: str
    world: dict[str, Any]

    def get_password(self, email: str) -> str:
        people = {person["email"]: person for person in self.world["people"]}
        return str(people[email]["password"])


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Start `bin/demo` on free ports in an empty place, and stop it as Ctrl-C does."""
    var = tmp_path_factory.mktemp("house")
    port = find_free_ports()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    printed = var / "printed.txt"
    with printed.open("w") as out:
        demo = subprocess.Popen(
            [ROOT / "bin" / "demo"],
            cwd=ROOT,
            env={**kept, "PORT": str(port), "VOP_VAR": str(var)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(demo, printed)
        world = json.loads((var / "demo.json").read_text(encoding="utf-8"))
        yield House(world["base_url"], world["status_url"], world)
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(timeout=30)


def find_free_ports() -> int:
    """Return the first of three free ports in a row."""
    for first in range(18200, 19200, 3):
        if all(is_free(first + offset) for offset in range(3)):
            return first
    raise RuntimeError("no three free ports in a row")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until_ready(demo: "subprocess.Popen[bytes]", printed: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        text = printed.read_text(encoding="utf-8")
        if any(line.startswith("ready ") for line in text.splitlines()):
            return
        if demo.poll() is not None:
            break
        time.sleep(0.3)
    raise RuntimeError(printed.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    return {
        "executable_path": CHROMIUM,
        "headless": True,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "sv-SE", "timezone_id": "Europe/Stockholm"}
