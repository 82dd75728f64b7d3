"""pyproject.toml says what is wanted, the locks what is installed: they must not drift apart."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = {
    group: [entry for entry in entries if isinstance(entry, str)]
    for group, entries in PROJECT["dependency-groups"].items()
}
LOCKS = {
    "base": RUNTIME,
    "demo": [*RUNTIME, *GROUPS["demo"]],
    "dev": [*RUNTIME, *GROUPS["demo"], *GROUPS["test"], *GROUPS["check"]],
}


def read_lock(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_what_is_wanted(lock: str) -> None:
    pins = re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==([^\s;]+)", read_lock(lock), re.MULTILINE)
    locked: dict[str, set[str]] = {}
    for pinned, version in pins:
        locked.setdefault(canonicalize_name(pinned), set()).add(version)

    for wanted in map(Requirement, LOCKS[lock]):
        versions = locked.get(canonicalize_name(wanted.name), set())
        assert versions, f"{wanted.name} is missing: bin/lock"
        assert all(wanted.specifier.contains(v) for v in versions), f"{wanted} is old: bin/lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_hashes_and_no_addresses(lock: str) -> None:
    text = read_lock(lock)

    assert "://" not in text
    assert text.count("==") <= text.count("--hash=sha256:")
