"""The Python helpers of the scripts in bin/, run as the scripts run them."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pyotp
import pytest

from tests.architecture.tree import ROOT


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "bin" / script, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_environment_is_written_once_and_only_its_addresses_change(tmp_path: Path) -> None:
    file = tmp_path / "env"

    run("demo_tools.py", "env", file, "BASE_URL=http://localhost:8000")
    first = file.read_text(encoding="utf-8").splitlines()
    file.write_text(file.read_text(encoding="utf-8") + "LOG_LEVEL=DEBUG\n", encoding="utf-8")
    run("demo_tools.py", "env", file, "BASE_URL=http://localhost:9000")
    second = file.read_text(encoding="utf-8").splitlines()

    assert file.stat().st_mode & 0o777 == 0o600
    assert "BASE_URL=http://localhost:8000" in first
    assert "BASE_URL=http://localhost:9000" in second
    assert "LOG_LEVEL=DEBUG" in second
    assert [line for line in first if not line.startswith("BASE_URL")] == second[: len(first) - 1]


def test_ports_names_those_that_are_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        result = run("demo_tools.py", "ports", taken)

    assert (result.returncode, result.stdout) == (1, f"{taken}\n")
    assert run("demo_tools.py", "ports", taken).returncode == 0


def test_people_are_listed_with_what_they_are(tmp_path: Path) -> None:
    world = {
        "companies": [{"org_number": "5560160680", "name": "Acme AB"}],
        "people": [
            {
                "email": "anna@exempel.se",
                "password": "pw",
                "companies": [{"org_number": "5560160680", "roles": ["owner"]}],
            }
        ],
        "staff": [{"email": "stina@exempel.se", "password": "pw2", "roles": ["billing_ops"]}],
    }
    file = tmp_path / "demo.json"
    file.write_text(json.dumps(world), encoding="utf-8")

    assert run("demo_tools.py", "people", file).stdout.splitlines() == [
        "  anna@exempel.se   pw   Acme AB: owner",
        "  stina@exempel.se  pw2  staff: billing_ops",
    ]


def test_code_is_what_an_authenticator_shows(tmp_path: Path) -> None:
    secret = pyotp.random_base32()
    file = tmp_path / "demo.json"
    world = {"people": [], "staff": [{"email": "stina@exempel.se", "totp_secret": secret}]}
    file.write_text(json.dumps(world), encoding="utf-8")

    shown = run("demo_tools.py", "code", file, "stina@exempel.se").stdout.strip()

    assert pyotp.TOTP(secret).verify(shown, valid_window=1)
    assert run("demo_tools.py", "code", file, "anna@exempel.se").returncode == 1


HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('msgid "Save"\nmsgstr "Spara"\n', ""),
        ('msgid "Save"\nmsgstr ""\n', "untranslated: 'Save'"),
        ('#, fuzzy\nmsgid "Save"\nmsgstr "Spara"\n', "fuzzy: 'Save'"),
        ('#, python-format\nmsgid "%(n)s left"\nmsgstr "%(m)s kvar"\n', "%(n)s left"),
    ],
)
def test_untranslated_texts_are_listed(tmp_path: Path, entry: str, fault: str) -> None:
    file = tmp_path / "django.po"
    file.write_text(HEADER + entry, encoding="utf-8")

    result = run("list_untranslated.py", file)

    assert fault in result.stdout
    assert result.returncode == bool(fault)


def test_texts_that_only_one_side_has_are_listed(tmp_path: Path) -> None:
    now, before = tmp_path / "now.po", tmp_path / "before.po"
    now.write_text(HEADER + 'msgid "New"\nmsgstr "Ny"\n', encoding="utf-8")
    before.write_text(HEADER + 'msgid "Old"\nmsgstr "Gammal"\n', encoding="utf-8")

    result = run("list_untranslated.py", now, before)

    assert result.returncode == 1
    assert "in the code, not in the file (bin/messages): New" in result.stdout
    assert "in the file, not in the code (bin/messages): Old" in result.stdout
