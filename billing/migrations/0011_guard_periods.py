"""Refuse overlapping periods in the database itself, and look at lines by the statement.

Two purchases or renewals of a subscription never share a day within a term: an exclusion on
PostgreSQL, a trigger on SQLite. Lines come thousands at a time, so that PostgreSQL looks once per
statement whether a basis that they go to is approved. SQLite's other triggers,
which 0008 lifted, are installed again.
"""

from django.db import migrations

MESSAGE = "an approved basis never changes"
PERIOD_MESSAGE = "a period of a subscription is billed once"

POSTGRESQL = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE billing_basisline ADD CONSTRAINT period_of_a_subscription_is_billed_once
    EXCLUDE USING gist (
        subscription_id WITH =, term WITH =, daterange(period_start, period_end) WITH &&
    ) WHERE (reason IN ('new', 'renewal'));
ALTER TABLE billing_subscription SET (fillfactor = 70);
CREATE OR REPLACE FUNCTION billing_refuse_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT basis_id FROM added) parts
        JOIN billing_invoicebasis basis ON basis.id = parts.basis_id
        WHERE basis.state <> 'draft'
    ) THEN
        RAISE EXCEPTION 'an approved basis never changes: INSERT on % refused', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
POSTGRESQL_PART = """
DROP TRIGGER {table}_fixed ON {table};
CREATE TRIGGER {table}_fixed BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part();
CREATE TRIGGER {table}_no_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_added();
"""
POSTGRESQL_BACK = """
ALTER TABLE billing_basisline DROP CONSTRAINT period_of_a_subscription_is_billed_once;
ALTER TABLE billing_subscription RESET (fillfactor);
"""
POSTGRESQL_PART_BACK = """
DROP TRIGGER {table}_no_insert ON {table};
DROP TRIGGER {table}_fixed ON {table};
CREATE TRIGGER {table}_fixed BEFORE INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part();
"""
PARTS = ["billing_basisline", "billing_vattotal"]

IS_APPROVED = "EXISTS (SELECT 1 FROM billing_invoicebasis WHERE id IN ({ids}) AND state <> 'draft')"
OVERLAPS = """
NEW.reason IN ('new', 'renewal') AND EXISTS (
    SELECT 1 FROM billing_basisline
    WHERE subscription_id = NEW.subscription_id AND term = NEW.term
      AND reason IN ('new', 'renewal') AND id <> NEW.id
      AND period_start < NEW.period_end AND period_end > NEW.period_start
)
"""
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
SQLITE_PERIODS = [
    ("billing_basisline_period", "INSERT ON billing_basisline", OVERLAPS, PERIOD_MESSAGE),
    ("billing_basisline_period_moved", "UPDATE ON billing_basisline", OVERLAPS, PERIOD_MESSAGE),
]


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)  # its % is no placeholder
        for table in PARTS:
            schema_editor.execute(POSTGRESQL_PART.format(table=table), params=None)
        return
    for name, event, condition, message in [*SQLITE, *SQLITE_PERIODS]:
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END;"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK, params=None)
        for table in PARTS:
            schema_editor.execute(POSTGRESQL_PART_BACK.format(table=table), params=None)
        schema_editor.execute("DROP FUNCTION billing_refuse_added()")
        return
    for name, *_rest in [*SQLITE, *SQLITE_PERIODS]:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_states_of_past_runs")]
    operations = [migrations.RunPython(install, remove)]
