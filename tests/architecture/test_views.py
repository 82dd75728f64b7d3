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
        if name(file) in {"vop/lib/db.py", "vop/lib/statements/writing.py"}:
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


# What may happen only soon after a proof (design rule 3); when, its view knows: owners, say.
SENSITIVE = {
    "approve_mandate", "change_policy", "change_roles", "close_company", "end_with_handover",
    "give_payer_consent", "invite_people", "invite_person", "request_mandate",
}  # fmt: skip


def test_view_modules_that_do_what_is_sensitive_demand_a_fresh_proof() -> None:
    found = set()
    for file in list_files():
        if not is_of(file, "views"):
            continue
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            for node in ast.walk(parse(file))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
        }
        found |= called & SENSITIVE
        if called & SENSITIVE:
            assert "demand_fresh_proof" in called, name(file)

    assert found == SENSITIVE, "a name that nothing calls guards nothing"
