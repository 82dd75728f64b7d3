"""Programs of their own, for what can't be true inside the test run: a server that is away."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    "LOG_JSON": "1",
}
NOBODY_LISTENS = "127.0.0.1:1"


def run_outside(code: str, **environment: str) -> tuple[list[str], list[str]]:
    """Run a program with settings of its own; return what it printed and logged."""
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    ran = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        cwd=ROOT,
        env={**inherited, **ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines(), ran.stderr.splitlines()
