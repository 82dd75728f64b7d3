"""Refuse to widen a mandate or an assignment, in the database itself.

Items come with the request: none is added once a mandate is approved, and none is ever changed.
An assignment takes items of its own mandate only. See companies 0004 on SQLite and rebuilt tables.
"""

from django.db import migrations

MESSAGE = "nobody widens a mandate"
IS_APPROVED = (
    "EXISTS (SELECT 1 FROM companies_mandate WHERE id = NEW.mandate_id AND approved_at IS NOT NULL)"
)
IS_FOREIGN = """
NOT EXISTS (
    SELECT 1 FROM companies_assignment a JOIN services_mandateitem i ON i.mandate_id = a.mandate_id
    WHERE a.id = NEW.assignment_id AND i.id = NEW.item_id
)
"""
INSERTS = {"services_mandateitem": IS_APPROVED, "services_assignmentitem": IS_FOREIGN}

FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION services_refuse_widening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{MESSAGE}: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


def make_check(table: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION {table}_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {INSERTS[table]} THEN
        RAISE EXCEPTION '{MESSAGE}: INSERT on % refused', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {table}_insert BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_check();
CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION services_refuse_widening();
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTIONS, params=None)  # its % is no placeholder
        for table in INSERTS:
            schema_editor.execute(make_check(table), params=None)
        return
    for table, wrong in INSERTS.items():
        schema_editor.execute(
            f"CREATE TRIGGER {table}_insert BEFORE INSERT ON {table} WHEN {wrong}"
            f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}: INSERT refused'); END"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}: UPDATE refused'); END"
        )


def remove(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in INSERTS:
        of = f" ON {table}" if is_postgresql else ""
        schema_editor.execute(f"DROP TRIGGER {table}_insert{of}")
        schema_editor.execute(f"DROP TRIGGER {table}_update{of}")
        if is_postgresql:
            schema_editor.execute(f"DROP FUNCTION {table}_check()")
    if is_postgresql:
        schema_editor.execute("DROP FUNCTION services_refuse_widening()")


class Migration(migrations.Migration):
    dependencies = [("services", "0002_mandates"), ("companies", "0004_mandate_terms")]
    operations = [migrations.RunPython(install, remove)]
