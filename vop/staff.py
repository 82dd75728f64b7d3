"""What each group of staff may do in the admin: one table, applied after every migration.

Nobody works as a superuser from day to day. A group sees only what its work needs; every change
goes through an operation, which checks and logs it.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.migrations.state import StateApps

_VIEW = ("view",)
_WORK = ("view", "add", "change")

STAFF_GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "support_read": {
        "accounts": _VIEW,
        "auditlog": _VIEW,
        "companies": _VIEW,
        "services": _VIEW,
        "billing": _VIEW,
    },
    "support_act": {
        "accounts": ("view", "change"),
        "auditlog": _VIEW,
        "companies": _WORK,
        "services": _WORK,
        "billing": _VIEW,
    },
    "billing_ops": {"companies": _VIEW, "services": _WORK, "billing": _WORK},
    "incident_ops": {"statuspage": _WORK, "outbox": _VIEW},
    "security_ops": {"accounts": ("view", "change"), "auditlog": _VIEW, "oidc": ("view", "change")},
    "dpo": {"accounts": _VIEW, "auditlog": _VIEW, "companies": _VIEW},
}


def give_staff_their_rights(*, apps: StateApps | None = None, **kwargs: Any) -> None:
    """Make the groups be what the table says; runs after each migration and each flush."""
    if apps is not None and "group" not in apps.all_models["auth"]:
        return  # one room was migrated alone, and there are no groups yet
    for name, rooms in STAFF_GROUPS.items():
        group, _created = Group.objects.get_or_create(name=name)
        wanted = [
            permission
            for permission in Permission.objects.select_related("content_type")
            if permission.codename.split("_")[0] in rooms.get(permission.content_type.app_label, ())
        ]
        group.permissions.set(wanted)
