"""Transactions told apart by intent, and the key that every tenant row has.

`@use_case` opens the one transaction of a request, task, command or admin action.
`@step` is a piece of a use case: it refuses to run outside a transaction.
Nothing else in the house opens a transaction.
"""

import functools
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, TypeVar

from django.db import models, transaction
from django.db.models import Q

P = ParamSpec("P")
R = TypeVar("R")


class UUIDModel(models.Model):
    """A row whose key may be shown in an address: it tells nothing and can't be counted up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


def in_force(at: datetime, through: str = "") -> Q:
    """Match rows whose half-open interval [valid_from, valid_until) holds at an instant.

    `through` leads to them from the rows of a query, as `seats__`.
    """
    start, end = f"{through}valid_from", f"{through}valid_until"
    return Q(**{f"{start}__lte": at}) & (Q(**{end: None}) | Q(**{f"{end}__gt": at}))


class StepOutsideUseCaseError(RuntimeError):
    """A @step was called with no transaction open: call it from a @use_case."""


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in the outermost transaction; nesting it is a programming error."""
    return transaction.atomic(durable=True)(function)


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse to run outside a transaction (a test case's own doesn't count)."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not in_use_case():
            raise StepOutsideUseCaseError(function.__qualname__)
        return function(*args, **kwargs)

    return wrapper


def in_use_case() -> bool:
    """Tell whether a transaction is open that isn't a test case's own."""
    connection = transaction.get_connection()
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
