"""What this room does when people sign in, and when the tables change."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import signing_in
from companies.models import sqlite
from companies.queries import list_companies_of


@receiver(signing_in, sender=User)
def let_companies_see_sign_in(user: User, now: datetime, **_kwargs: Any) -> Sequence[uuid.UUID]:
    """A sign-in concerns every company that the person is in."""
    return list_companies_of(user, at=now)


@receiver(pre_migrate, dispatch_uid="companies.take_triggers_down")
def take_triggers_down(sender: AppConfig, using: str, **_kwargs: Any) -> None:
    """SQLite can't rebuild a table that a trigger names."""
    if sender.label == "companies":
        _run_on_sqlite(sqlite.TAKE_DOWN, using)


@receiver(post_migrate, dispatch_uid="companies.set_triggers_up")
def set_triggers_up(sender: AppConfig, using: str, **_kwargs: Any) -> None:
    """Put them up again, unless the room's tables are gone."""
    if sender.label == "companies":
        tables = connections[using].introspection.table_names()
        _run_on_sqlite(sqlite.SET_UP if "companies_rolegrant" in tables else (), using)


def _run_on_sqlite(statements: Iterable[str], using: str) -> None:
    connection = connections[using]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
