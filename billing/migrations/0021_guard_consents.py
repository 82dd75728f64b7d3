"""Refuse to change what a firm agreed to pay for: only the withdrawal may be added, once.

Retention's gate (auditlog 0002) may delete them, as it may the subscriptions.
"""

from django.db import migrations

TABLE = "billing_payerconsent"
MESSAGE = "what was agreed to never changes"
KEPT = [
    "id", "firm_id", "client_id", "given_by_id", "given_at", "method", "language",
    "text_version", "text", "text_sha256",
]  # fmt: skip
POSTGRESQL = f"""
CREATE FUNCTION billing_refuse_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '{MESSAGE}: % refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER {TABLE}_fixed BEFORE UPDATE ON {TABLE} FOR EACH ROW
    WHEN (OLD.withdrawn_at IS NOT NULL OR ({", ".join(f"OLD.{name}" for name in KEPT)})
        IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in KEPT)}))
    EXECUTE FUNCTION billing_refuse_consent();
CREATE TRIGGER {TABLE}_stays BEFORE DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_consent();
CREATE TRIGGER {TABLE}_kept BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_truncate();
"""
POSTGRESQL_BACK = f"""
DROP TRIGGER {TABLE}_fixed ON {TABLE};
DROP TRIGGER {TABLE}_stays ON {TABLE};
DROP TRIGGER {TABLE}_kept ON {TABLE};
DROP FUNCTION billing_refuse_consent();
"""
CHANGED = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in KEPT)
SQLITE = {
    "UPDATE": f"OLD.withdrawn_at IS NOT NULL OR {CHANGED}",
    "DELETE": "vop_retention() <> 1",
}


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)  # its % is no placeholder
        return
    for event, condition in SQLITE.items():
        schema_editor.execute(
            f"CREATE TRIGGER {TABLE}_no_{event.lower()} BEFORE {event} ON {TABLE} "
            f"WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: {event} refused'); END;"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK, params=None)
        return
    for event in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {TABLE}_no_{event.lower()}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0020_payer_consent_text")]
    operations = [migrations.RunPython(install, remove)]
