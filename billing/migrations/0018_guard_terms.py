"""Refuse to change or delete terms of sale: an order points at the text that was accepted.

Retention's gate (auditlog 0002) may delete them, as it may the orders.
"""

from django.db import migrations

MESSAGE = "published terms never change"
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION billing_refuse_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '{MESSAGE}: % refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_terms_fixed BEFORE UPDATE OR DELETE ON billing_terms
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_terms();
CREATE TRIGGER billing_terms_kept BEFORE TRUNCATE ON billing_terms
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_truncate();
"""
POSTGRESQL_BACK = """
DROP TRIGGER billing_terms_kept ON billing_terms;
DROP TRIGGER billing_terms_fixed ON billing_terms;
DROP FUNCTION billing_refuse_terms();
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)  # its % is no placeholder
        return
    for event, condition in (("UPDATE", "TRUE"), ("DELETE", "vop_retention() <> 1")):
        schema_editor.execute(
            f"CREATE TRIGGER billing_terms_no_{event.lower()} BEFORE {event} ON billing_terms "
            f"WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: {event} refused'); END;"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK, params=None)
        return
    for event in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER billing_terms_no_{event}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_terms_of_sale")]
    operations = [migrations.RunPython(install, remove)]
