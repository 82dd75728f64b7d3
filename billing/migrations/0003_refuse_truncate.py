"""Refuse to empty the tables of approved bases: TRUNCATE passes by the triggers of rows.

SQLite has no TRUNCATE. Retention's gate (auditlog 0002) opens this too.
"""

from django.db import migrations

TABLES = [
    "billing_invoicebasis",
    "billing_basisline",
    "billing_vattotal",
    "billing_subscriptionchange",
]
FUNCTION = """
CREATE OR REPLACE FUNCTION billing_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('vop.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'an approved basis never changes: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_truncate();
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(FUNCTION, params=None)  # its % is no placeholder
    for table in TABLES:
        schema_editor.execute(TRIGGER.format(table=table))


def remove(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    schema_editor.execute("DROP FUNCTION billing_refuse_truncate()")


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_refuse_changes")]
    operations = [migrations.RunPython(install, remove)]
