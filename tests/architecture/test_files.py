"""Every room has files of the same names, none too long, no function that can't be seen at once."""

import pytest

from tests.architecture.tree import (
    ROOMS,
    ROOT,
    count_lines,
    is_of,
    list_files,
    list_functions,
    name,
)

KINDS = {
    "__init__", "access", "actors", "adapter", "admin", "apps", "checks", "engine", "events",
    "forms", "http", "management", "middleware", "migrations", "models", "notifications",
    "operations", "protocol", "queries", "receivers", "rendering", "signals", "tasks",
    "templatetags", "urls", "views",
}  # fmt: skip
NOT_CODE = {"__pycache__"}


@pytest.mark.parametrize("room", ROOMS)
def test_room_holds_only_known_kinds_of_file(room: str) -> None:
    strange = [
        entry.name
        for entry in (ROOT / room).iterdir()
        if entry.name not in NOT_CODE and entry.name.removesuffix(".py") not in KINDS
    ]

    assert strange == []


def test_no_file_is_longer_than_500_lines() -> None:
    files = list_files("vop", *ROOMS, "tests", "deploy", "bin", "benchmarks")
    lengths = {name(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files}

    assert {file: length for file, length in lengths.items() if length > 500} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    faults = [
        f"{name(file)}:{function.lineno} {function.name} has {count_lines(function)} lines"
        for file in list_files()
        for function in list_functions(file)
        if count_lines(function) > 60
    ]

    assert faults == []


def test_no_view_is_longer_than_25_lines() -> None:
    faults = [
        f"{name(file)}:{function.lineno} {function.name} has {count_lines(function)} lines"
        for file in list_files()
        if is_of(file, "views")
        for function in list_functions(file)
        if count_lines(function) > 25
    ]

    assert faults == []


def test_no_task_is_longer_than_10_lines() -> None:
    faults = [
        f"{name(file)}:{function.lineno} {function.name} has {count_lines(function)} lines"
        for file in list_files()
        if is_of(file, "tasks")
        for function in list_functions(file)
        if count_lines(function) > 10
    ]

    assert faults == []
