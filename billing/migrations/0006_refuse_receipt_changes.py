"""Refuse to change or delete a receipt of the accounts, in the database itself.

It is accounting information (bokföringslagen 7 kap. 2 §). Retention may delete after seven years
through the same gate as the log's: see auditlog 0002. SQLite drops triggers with the table when a
later migration rebuilds it: such a migration must install them again.
"""

from django.db import migrations

TABLE = "billing_erpreceipt"
MESSAGE = "a receipt never changes"

POSTGRESQL = f"""
CREATE TRIGGER {TABLE}_fixed BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_truncate();
"""
SQLITE = [
    f"""
CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON {TABLE}
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: UPDATE refused'); END;
""",
    f"""
CREATE TRIGGER {TABLE}_no_delete BEFORE DELETE ON {TABLE} WHEN vop_retention() <> 1
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: DELETE refused'); END;
""",
]


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        return
    for statement in SQLITE:
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in ["fixed", "no_truncate"]:
            schema_editor.execute(f"DROP TRIGGER {TABLE}_{name} ON {TABLE}")
        return
    for name in ["no_update", "no_delete"]:
        schema_editor.execute(f"DROP TRIGGER {TABLE}_{name}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_exports")]
    operations = [migrations.RunPython(install, remove)]
