"""Transactions told apart by intent."""

import pytest
from django.db import connection

from vop.lib.db import StepOutsideUseCaseError, in_use_case, step, use_case


@step
def a_step() -> str:
    return "done"


@use_case
def a_use_case() -> str:
    assert in_use_case()
    return a_step()


@pytest.mark.django_db
def test_step_runs_inside_a_use_case_only() -> None:
    assert a_use_case() == "done"
    with pytest.raises(StepOutsideUseCaseError, match="a_step"):
        a_step()


@pytest.mark.django_db
def test_use_case_is_the_outermost() -> None:
    nested = use_case(a_use_case)

    with pytest.raises(RuntimeError, match="durable"):
        nested()


@pytest.mark.django_db(transaction=True)
def test_use_case_is_a_transaction_of_its_own() -> None:
    assert not in_use_case()
    assert a_use_case() == "done"
    assert not connection.in_atomic_block
