"""Refuse two payers of a subscription on one day, and install again what 0015 took along.

An exclusion on PostgreSQL, triggers on SQLite, where 0015 rebuilt the table of changes and so
dropped its triggers.
"""

from django.db import migrations

NAME = "payers_of_a_subscription_never_overlap"
FOR_EVER = "9999-12-31"
OVERLAPS = f"""
EXISTS (
    SELECT 1 FROM billing_subscriptionpayer
    WHERE subscription_id = NEW.subscription_id AND id <> NEW.id
      AND valid_from < coalesce(NEW.valid_to, '{FOR_EVER}')
      AND NEW.valid_from < coalesce(valid_to, '{FOR_EVER}')
      AND valid_from < coalesce(valid_to, '{FOR_EVER}')
      AND NEW.valid_from < coalesce(NEW.valid_to, '{FOR_EVER}')
)
"""
# name, when and on what, condition, message
SQLITE = [
    (f"{NAME}_insert", "INSERT ON billing_subscriptionpayer", OVERLAPS, NAME),
    (f"{NAME}_update", "UPDATE ON billing_subscriptionpayer", OVERLAPS, NAME),
]
AGAIN = [
    (
        "billing_subscriptionchange_no_update",
        "UPDATE ON billing_subscriptionchange",
        "TRUE",
        "a recorded change never changes: UPDATE refused",
    ),
    (
        "billing_subscriptionchange_no_delete",
        "DELETE ON billing_subscriptionchange",
        "vop_retention() <> 1",
        "a recorded change never changes: DELETE refused",
    ),
]


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"ALTER TABLE billing_subscriptionpayer ADD CONSTRAINT {NAME} EXCLUDE USING gist "
            "(subscription_id WITH =, daterange(valid_from, valid_to) WITH &&)"
        )
        return
    for name, event, condition, message in [*SQLITE, *AGAIN]:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END;"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE billing_subscriptionpayer DROP CONSTRAINT {NAME}")
        return
    for name, *_rest in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_payers")]
    operations = [migrations.RunPython(install, remove)]
