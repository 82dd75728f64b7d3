"""Refuse dates that overlap: VAT rates of a class and country, discounts of a plan or subscription.

An exclusion on PostgreSQL, triggers on SQLite. Prices need none: each holds from its day until a
later one does, and a plan has one from a day.
"""

from django.db import migrations

# table, constraint, the columns that must be equal
GUARDED = [
    (
        "billing_vatrate",
        "vat_rates_of_a_class_and_country_never_overlap",
        ["vat_class", "country"],
    ),
    ("billing_discount", "discounts_of_a_plan_never_overlap", ["plan_id"]),
    ("billing_discount", "discounts_of_a_subscription_never_overlap", ["subscription_id"]),
]
FOR_EVER = "9999-12-31"


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table, name, columns in GUARDED:
            equal = ", ".join(f"{column} WITH =" for column in columns)
            schema_editor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} "
                f"EXCLUDE USING gist ({equal}, daterange(valid_from, valid_to) WITH &&)"
            )
        return
    for table, name, columns in GUARDED:
        equal = " AND ".join(f"{column} = NEW.{column}" for column in columns)
        for event in ("INSERT", "UPDATE"):
            schema_editor.execute(
                f"CREATE TRIGGER {name}_{event.lower()} BEFORE {event} ON {table} WHEN EXISTS ("
                f"SELECT 1 FROM {table} WHERE {equal} AND id <> NEW.id"
                f" AND valid_from < coalesce(NEW.valid_to, '{FOR_EVER}')"
                f" AND NEW.valid_from < coalesce(valid_to, '{FOR_EVER}')"
                # an empty time overlaps nothing, as on PostgreSQL
                f" AND valid_from < coalesce(valid_to, '{FOR_EVER}')"
                f" AND NEW.valid_from < coalesce(NEW.valid_to, '{FOR_EVER}')"
                f") BEGIN SELECT RAISE(ABORT, '{name}'); END;"
            )


def remove(apps, schema_editor):
    for table, name, _columns in GUARDED:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            continue
        for event in ("insert", "update"):
            schema_editor.execute(f"DROP TRIGGER {name}_{event}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_tiers_and_discounts")]
    operations = [migrations.RunPython(install, remove)]
