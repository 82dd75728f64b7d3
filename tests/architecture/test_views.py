"""Views translate; they neither read rows nor write them."""

import ast

from tests.architecture.tree import is_of, list_files, name, parse


def test_views_never_say_objects() -> None:
    faults = [
        f"{name(file)}:{node.lineno}"
        for file in list_files()
        if is_of(file, "views", "forms", "urls", "context", "templatetags")
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}
    ]

    assert faults == []


def test_only_lib_opens_transactions() -> None:
    """A savepoint is a `with` block next to its `except`; a lone block is none."""
    faults = []
    for file in list_files():
        if name(file) in {"vop/lib/db.py", "vop/lib/statements.py"}:
            continue
        guarded = {
            inner
            for node in ast.walk(parse(file))
            if isinstance(node, ast.Try) and node.handlers
            for statement in node.body
            for inner in ast.walk(statement)
        }
        faults += [
            f"{name(file)}:{node.lineno}"
            for node in ast.walk(parse(file))
            if isinstance(node, ast.Attribute) and node.attr == "atomic" and node not in guarded
        ]

    assert faults == []
