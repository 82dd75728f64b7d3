"""Lift SQLite's triggers while 0009 rebuilds the tables that they name; 0011 installs them again."""

from django.db import migrations

MESSAGE = "an approved basis never changes"
PARTS = ["billing_basisline", "billing_vattotal"]
IS_APPROVED = "EXISTS (SELECT 1 FROM billing_invoicebasis WHERE id IN ({ids}) AND state <> 'draft')"
# name, when and on what, condition, message
SQLITE = [
    (
        "billing_invoicebasis_no_update",
        "UPDATE ON billing_invoicebasis",
        "OLD.state <> 'draft'",
        f"{MESSAGE}: UPDATE refused",
    ),
    (
        "billing_invoicebasis_no_delete",
        "DELETE ON billing_invoicebasis",
        "OLD.state <> 'draft' AND vop_retention() <> 1",
        f"{MESSAGE}: DELETE refused",
    ),
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
    *(
        trigger
        for table in PARTS
        for trigger in (
            (
                f"{table}_no_insert",
                f"INSERT ON {table}",
                IS_APPROVED.format(ids="NEW.basis_id"),
                f"{MESSAGE}: INSERT refused",
            ),
            (
                f"{table}_no_update",
                f"UPDATE ON {table}",
                IS_APPROVED.format(ids="OLD.basis_id, NEW.basis_id"),
                f"{MESSAGE}: UPDATE refused",
            ),
            (
                f"{table}_no_delete",
                f"DELETE ON {table}",
                f"vop_retention() <> 1 AND {IS_APPROVED.format(ids='OLD.basis_id')}",
                f"{MESSAGE}: DELETE refused",
            ),
        )
    ),
]


def lift(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        return
    for name, *_rest in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        return
    for name, event, condition, message in SQLITE:
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END;"
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_ledger_accounts")]
    operations = [migrations.RunPython(lift, install)]
