"""The tables of docs/oidc.md and docs/oidc-conformance.md name tests that exist."""

import fnmatch
import functools
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT, list_files, list_functions

ROWS = {*map(str, range(1, 59)), "3b"}
MODULES = {
    "Config OP": 1,
    "Basic OP and Form Post OP": 35,
    "RP-Initiated Logout": 11,
    "Front-Channel and Back-Channel Logout": 4,
    "FAPI 2.0 Security Profile": 56,
    "FAPI 2.0 Message Signing": 16,
}


@functools.cache
def list_tests() -> frozenset[str]:
    files = list_files("tests/oidc")
    found = {function.name for file in files for function in list_functions(file)}
    return frozenset({name for name in found if name.startswith("test_")})


def read_table(document: str, heading: str) -> Iterator[list[str]]:
    """The cells of each row of the table under a heading."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in {"row", "module"}:
            yield cells


def find_tests(cell: str) -> list[str]:
    """The tests that a cell names, each of which must be there."""
    found: list[str] = []
    for name in re.findall(r"`(test_[a-z0-9_*]+)`", cell):
        matching = fnmatch.filter(list_tests(), name)
        assert matching, f"{name} is no test"
        found += matching
    for file in re.findall(r"`(test_[a-z0-9_]+\.py)`", cell):
        assert (ROOT / "tests" / "oidc" / file).exists(), file
    return found


def test_every_row_of_the_known_defects_has_a_test_named_after_it() -> None:
    rows = {
        cells[0].split()[0]: cells[-1]
        for cells in read_table("oidc.md", "Rows of the known defects")
    }
    assert set(rows) == ROWS
    for row, cell in rows.items():
        named = [name for name in find_tests(cell) if re.match(rf"test_rows?_(\w+_)?{row}_", name)]
        assert named, f"row {row} has no test of its name"


@pytest.mark.parametrize(("plan", "count"), MODULES.items())
def test_every_module_of_a_plan_has_a_test(plan: str, count: int) -> None:
    rows = list(read_table("oidc-conformance.md", plan))
    assert len({cells[0] for cells in rows}) == len(rows) == count
    for module, cell in rows:
        assert find_tests(cell), module
