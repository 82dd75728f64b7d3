"""Refuse to change what is approved, and the reasons behind it, in the database itself.

An approved basis keeps its columns, lines and sums; a change of a subscription stays as it was
recorded. Retention may delete after seven years through the same gate as the log's: see
auditlog 0002. SQLite drops triggers with the table when a later migration rebuilds one:
such a migration must install them again.
"""

from django.db import migrations

PARTS = ["billing_basisline", "billing_vattotal"]
MESSAGE = "an approved basis never changes"

POSTGRESQL = """
CREATE OR REPLACE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'an approved basis never changes: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE OR REPLACE FUNCTION billing_refuse_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    part RECORD;
BEGIN
    IF TG_OP = 'DELETE' THEN part := OLD; ELSE part := NEW; END IF;
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    IF EXISTS (
        SELECT FROM billing_invoicebasis
        WHERE state <> 'draft'
          AND (id = part.basis_id OR (TG_OP = 'UPDATE' AND id = OLD.basis_id))
    ) THEN
        RAISE EXCEPTION 'an approved basis never changes: % on % refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN part;
END $$;
CREATE TRIGGER billing_invoicebasis_fixed BEFORE UPDATE OR DELETE ON billing_invoicebasis
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_subscriptionchange_fixed BEFORE UPDATE OR DELETE
    ON billing_subscriptionchange FOR EACH ROW EXECUTE FUNCTION billing_refuse();
"""
POSTGRESQL_PART = """
CREATE TRIGGER {table}_fixed BEFORE INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part();
"""
SQLITE = [
    f"""
CREATE TRIGGER billing_invoicebasis_no_update BEFORE UPDATE ON billing_invoicebasis
WHEN OLD.state <> 'draft' BEGIN SELECT RAISE(ABORT, '{MESSAGE}: UPDATE refused'); END;
""",
    f"""
CREATE TRIGGER billing_invoicebasis_no_delete BEFORE DELETE ON billing_invoicebasis
WHEN OLD.state <> 'draft' AND vop_retention() <> 1
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: DELETE refused'); END;
""",
    """
CREATE TRIGGER billing_subscriptionchange_no_update BEFORE UPDATE ON billing_subscriptionchange
BEGIN SELECT RAISE(ABORT, 'a recorded change never changes: UPDATE refused'); END;
""",
    """
CREATE TRIGGER billing_subscriptionchange_no_delete BEFORE DELETE ON billing_subscriptionchange
WHEN vop_retention() <> 1
BEGIN SELECT RAISE(ABORT, 'a recorded change never changes: DELETE refused'); END;
""",
]
SQLITE_PART = [
    f"""
CREATE TRIGGER {{table}}_no_insert BEFORE INSERT ON {{table}}
WHEN EXISTS (SELECT 1 FROM billing_invoicebasis WHERE id = NEW.basis_id AND state <> 'draft')
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: INSERT refused'); END;
""",
    f"""
CREATE TRIGGER {{table}}_no_update BEFORE UPDATE ON {{table}}
WHEN EXISTS (
    SELECT 1 FROM billing_invoicebasis
    WHERE id IN (OLD.basis_id, NEW.basis_id) AND state <> 'draft'
)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: UPDATE refused'); END;
""",
    f"""
CREATE TRIGGER {{table}}_no_delete BEFORE DELETE ON {{table}}
WHEN vop_retention() <> 1
 AND EXISTS (SELECT 1 FROM billing_invoicebasis WHERE id = OLD.basis_id AND state <> 'draft')
BEGIN SELECT RAISE(ABORT, '{MESSAGE}: DELETE refused'); END;
""",
]


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)  # its % is no placeholder
        for table in PARTS:
            schema_editor.execute(POSTGRESQL_PART.format(table=table), params=None)
        return
    for statement in SQLITE:
        schema_editor.execute(statement)
    for table in PARTS:
        for statement in SQLITE_PART:
            schema_editor.execute(statement.format(table=table))


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in ["billing_invoicebasis", "billing_subscriptionchange", *PARTS]:
            schema_editor.execute(f"DROP TRIGGER {table}_fixed ON {table}")
        schema_editor.execute("DROP FUNCTION billing_refuse_part()")
        schema_editor.execute("DROP FUNCTION billing_refuse()")
        return
    for table in ["billing_invoicebasis", "billing_subscriptionchange", *PARTS]:
        schema_editor.execute(f"DROP TRIGGER {table}_no_update")
        schema_editor.execute(f"DROP TRIGGER {table}_no_delete")
    for table in PARTS:
        schema_editor.execute(f"DROP TRIGGER {table}_no_insert")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
