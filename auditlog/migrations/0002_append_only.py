"""Refuse to change or delete events, in the database itself.

Retention is the one exception: a session that has opened the gate (PostgreSQL: the setting
`vop.retention`; SQLite: the function `vop_retention`, which no connection has by default) may
delete. On SQLite a missing function refuses as well as a closed gate does.
"""

from django.db import migrations

TABLES = ["auditlog_event", "auditlog_eventaudience"]

POSTGRESQL = """
CREATE OR REPLACE FUNCTION auditlog_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' AND current_setting('vop.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
POSTGRESQL_TABLE = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION auditlog_refuse();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse();
"""
SQLITE_TABLE = [
    """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'the log is append-only: UPDATE refused'); END;
""",
    """
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
WHEN vop_retention() <> 1
BEGIN SELECT RAISE(ABORT, 'the log is append-only: DELETE refused'); END;
""",
]


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)  # its % is no placeholder
        for table in TABLES:
            schema_editor.execute(POSTGRESQL_TABLE.format(table=table))
    else:
        for table in TABLES:
            for statement in SQLITE_TABLE:
                schema_editor.execute(statement.format(table=table))


def remove(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        else:
            schema_editor.execute(f"DROP TRIGGER {table}_no_update")
            schema_editor.execute(f"DROP TRIGGER {table}_no_delete")


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
