"""Tables point down the house like imports do; strings in ForeignKey escape import-linter."""

import ast
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import models

from tests.architecture.tree import FLOOR_OF, ROOMS, is_of, list_files, name, parse

Model = type[models.Model]


def list_models() -> list[Model]:
    return [model for room in ROOMS for model in apps.get_app_config(room).get_models()]


def list_targets(model: Model) -> Iterator[tuple[str, str]]:
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey | models.ManyToManyField):
            yield field.name, field.related_model._meta.app_label


def test_foreign_keys_point_down() -> None:
    faults = [
        f"{model._meta.label}.{field} -> {target}"
        for model in list_models()
        for field, target in list_targets(model)
        if target in FLOOR_OF
        and target != model._meta.app_label
        and FLOOR_OF[target] >= FLOOR_OF[model._meta.app_label]
    ]

    assert faults == []


def test_log_points_at_nobody() -> None:
    faults = [
        f"{model._meta.label}.{field} -> {target}"
        for model in apps.get_app_config("auditlog").get_models()
        for field, target in list_targets(model)
        if target != "auditlog"
    ]

    assert faults == []


def test_no_table_has_an_order_of_its_own() -> None:
    assert [model._meta.label for model in list_models() if model._meta.ordering] == []


@pytest.mark.parametrize("room", ROOMS)
def test_models_say_what_they_are(room: str) -> None:
    documented = {
        node.name
        for file in list_files(room)
        if is_of(file, "models")
        for node in ast.walk(parse(file))
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node)
    }
    names = {model.__name__ for model in apps.get_app_config(room).get_models()}

    assert names - documented == set()


def test_no_money_is_a_float() -> None:
    fields = (
        f"{model._meta.label}.{field.name}"
        for model in list_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.FloatField)
    )

    assert list(fields) == []


def test_billing_calculates_without_floats() -> None:
    faults = []
    for file in list_files("billing", "vop/lib/money.py"):
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                faults.append(f"{name(file)}:{node.lineno} {node.value}")
            elif isinstance(node, ast.Name) and node.id == "float":
                faults.append(f"{name(file)}:{node.lineno} float")

    assert faults == []
