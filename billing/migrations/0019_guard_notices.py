"""Refuse to change or delete a notice of a renewal: a renewal line rests on it.

Retention's gate (auditlog 0002) may delete them, as it may the subscriptions.
"""

from django.db import migrations

TABLE = "billing_renewalnotice"
MESSAGE = "a notice that was sent never changes"
POSTGRESQL = f"""
CREATE TRIGGER {TABLE}_fixed BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER {TABLE}_kept BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_truncate();
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)
        return
    for event, condition in (("UPDATE", "TRUE"), ("DELETE", "vop_retention() <> 1")):
        schema_editor.execute(
            f"CREATE TRIGGER {TABLE}_no_{event.lower()} BEFORE {event} ON {TABLE} "
            f"WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: {event} refused'); END;"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in ("fixed", "kept"):
            schema_editor.execute(f"DROP TRIGGER {TABLE}_{name} ON {TABLE}")
        return
    for event in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER {TABLE}_no_{event}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0018_guard_terms")]
    operations = [migrations.RunPython(install, remove)]
