"""Refuse to change what a mandate, a consent or an assignment says, in the database itself.

Nobody lengthens or widens a mandate that another agreed to: its parties and dates are fixed from
the request on, its approval from the approval on, and an end can come earlier, never later.
SQLite drops triggers with the table when a later migration rebuilds one: such a migration must
install them again.
"""

from django.db import migrations

TERMS = {
    "companies_mandate": [
        "client_id", "firm_id", "requested_side", "requested_by_id", "requested_at", "answer_by",
        "valid_from", "valid_until",
    ],
    "companies_assignment": [
        "mandate_id", "membership_id", "user_id", "assigned_by_id", "valid_from", "valid_until",
    ],
    "companies_mandateconsent": [
        "mandate_id", "side", "person_id", "given_at", "method", "language", "text_version",
        "text", "text_sha256",
    ],
}  # fmt: skip
ONCE = {"companies_mandate": ["approved_at", "approved_by_id", "replaces_id"]}
ENDED = ["companies_mandate", "companies_assignment"]
MESSAGE = "what was agreed never changes"

FUNCTION = f"""
CREATE OR REPLACE FUNCTION companies_refuse_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{MESSAGE}: UPDATE on % refused', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


def condition(table: str, differs: str) -> str:
    changed = [f"OLD.{column} {differs} NEW.{column}" for column in TERMS[table]]
    changed += [
        f"(OLD.{column} IS NOT NULL AND OLD.{column} {differs} NEW.{column})"
        for column in ONCE.get(table, [])
    ]
    if table in ENDED:
        changed.append(
            "(OLD.ended_at IS NOT NULL AND (NEW.ended_at IS NULL OR NEW.ended_at > OLD.ended_at))"
        )
    return " OR ".join(changed)


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)  # its % is no placeholder
        for table in TERMS:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_terms BEFORE UPDATE ON {table} FOR EACH ROW"
                f" WHEN ({condition(table, 'IS DISTINCT FROM')})"
                " EXECUTE FUNCTION companies_refuse_terms()"
            )
        return
    for table in TERMS:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_terms BEFORE UPDATE ON {table}"
            f" WHEN {condition(table, 'IS NOT')}"
            f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}: UPDATE refused'); END"
        )


def remove(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in TERMS:
        of = f" ON {table}" if is_postgresql else ""
        schema_editor.execute(f"DROP TRIGGER {table}_terms{of}")
    if is_postgresql:
        schema_editor.execute("DROP FUNCTION companies_refuse_terms()")


class Migration(migrations.Migration):
    dependencies = [("companies", "0003_mandates")]
    operations = [migrations.RunPython(install, remove)]
