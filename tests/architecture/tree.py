"""The tree of the house as the architecture tests see it."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Bottom to top; rooms on one floor know nothing of each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("auditlog",),
    ("accounts",),
    ("companies",),
    ("services",),
    ("oidc", "billing"),
    ("stats", "statuspage"),
)
ROOMS = tuple(room for floor in FLOORS for room in floor)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def list_files(*places: str) -> list[Path]:
    """List the Python files of rooms or other folders, without migrations."""
    found = (ROOT / place for place in places or ("vop", *ROOMS))
    return sorted(f for place in found for f in place.rglob("*.py") if "migrations" not in f.parts)


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@functools.cache
def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def list_imports(file: Path) -> Iterator[tuple[int, str]]:
    """List what a file imports, also inside functions, as "companies.models.Company"."""
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def list_functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from `def` to the last line."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def is_of(file: Path, *kinds: str) -> bool:
    """Tell whether a file is, or stands in the package of, one of these kinds (views, models…)."""
    within = file.relative_to(ROOT).parts[1:]
    return bool(within) and within[0].removesuffix(".py") in kinds
