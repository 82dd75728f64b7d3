"""Migrations: one line per room, named, frozen, and with a way back."""

import ast
import re
from pathlib import Path

import pytest
from django.db.migrations import RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader

from tests.architecture.tree import ROOMS, ROOT, list_imports, name

LABELS = (*ROOMS, "outbox")


def list_migrations() -> list[Path]:
    return sorted(
        file
        for place in (*ROOMS, "vop")
        for file in (ROOT / place).rglob("migrations/*.py")
        if file.name != "__init__.py"
    )


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def test_every_room_has_one_line_of_migrations(loader: MigrationLoader) -> None:
    for label in LABELS:
        names = sorted(key[1] for key in loader.disk_migrations if key[0] == label)
        numbers = [int(migration[:4]) for migration in names]
        assert numbers == list(range(1, len(names) + 1)), label
    assert loader.detect_conflicts() == {}


def test_migrations_are_named() -> None:
    pattern = re.compile(r"\d{4}_(?!auto_)[a-z][a-z0-9_]*\.py")

    assert [name(f) for f in list_migrations() if not pattern.fullmatch(f.name)] == []


def test_migrations_import_nothing_of_the_house() -> None:
    faults = [
        f"{name(file)}:{line} imports {imported}"
        for file in list_migrations()
        for line, imported in list_imports(file)
        if imported.split(".")[0] in (*ROOMS, "vop")
    ]

    assert faults == []


def test_migrations_name_nothing_of_the_house() -> None:
    """A default or validator written as accounts.models.x is an import under another guise."""
    faults = [
        f"{name(file)}:{node.lineno}"
        for file in list_migrations()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ROOMS
    ]

    assert faults == []


def test_migrations_have_a_way_back(loader: MigrationLoader) -> None:
    faults = [
        f"{label}.{migration_name}"
        for (label, migration_name), migration in loader.disk_migrations.items()
        if label in LABELS
        for operation in migration.operations
        if isinstance(operation, RunPython | RunSQL) and not operation.reversible
    ]

    assert faults == []
