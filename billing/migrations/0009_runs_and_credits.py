"""Runs with states and batches, credits, and what foreign currency and VAT numbers ask for."""

import datetime as dt
import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_lift_guards"),
        ("companies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BillingBatch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                (
                    "first_payer",
                    models.UUIDField(default=uuid.UUID("00000000-0000-0000-0000-000000000000")),
                ),
                ("until_payer", models.UUIDField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("previewed", "Previewed"),
                            ("done", "Done"),
                        ],
                        default="planned",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("preview", models.JSONField(default=dict)),
                ("digests", models.JSONField(default=dict)),
                ("due_count", models.PositiveIntegerField(default=0, verbose_name="due")),
                ("billed_count", models.PositiveIntegerField(default=0, verbose_name="billed")),
                ("skipped_count", models.PositiveIntegerField(default=0, verbose_name="skipped")),
                ("parked_count", models.PositiveIntegerField(default=0, verbose_name="parked")),
                ("line_count", models.PositiveIntegerField(default=0, verbose_name="lines")),
                ("ended_count", models.PositiveIntegerField(default=0, verbose_name="ended")),
                ("nets", models.JSONField(default=dict, verbose_name="net")),
            ],
            options={
                "verbose_name": "batch of a run",
                "verbose_name_plural": "batches of a run",
            },
        ),
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[("SEK", "SEK"), ("EUR", "EUR"), ("NOK", "NOK"), ("DKK", "DKK")],
                        max_length=3,
                        verbose_name="currency",
                    ),
                ),
                ("on", models.DateField(verbose_name="day")),
                ("rate", models.DecimalField(decimal_places=6, max_digits=14, verbose_name="SEK")),
                ("source", models.CharField(max_length=40, verbose_name="source")),
            ],
            options={
                "verbose_name": "exchange rate",
                "verbose_name_plural": "exchange rates",
            },
        ),
        migrations.CreateModel(
            name="VatNumberCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "vat_number",
                    models.CharField(max_length=20, unique=True, verbose_name="VAT number"),
                ),
                ("is_valid", models.BooleanField(null=True, verbose_name="valid")),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                (
                    "answered_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="answered"),
                ),
                (
                    "receipt",
                    models.CharField(blank=True, default="", max_length=40, verbose_name="receipt"),
                ),
            ],
            options={
                "verbose_name": "check of a VAT number",
                "verbose_name_plural": "checks of VAT numbers",
            },
        ),
        migrations.AlterModelOptions(
            name="billingrunitem",
            options={
                "verbose_name": "exception of a run",
                "verbose_name_plural": "exceptions of a run",
            },
        ),
        migrations.RemoveConstraint(
            model_name="basisline",
            name="period_of_a_subscription_is_billed_once",
        ),
        migrations.RemoveConstraint(
            model_name="billingrunitem",
            name="parked_customer_has_a_reason",
        ),
        migrations.RemoveConstraint(
            model_name="invoicebasis",
            name="company_has_one_draft_a_day_and_currency",
        ),
        migrations.RemoveConstraint(
            model_name="subscriptionchange",
            name="subscription_change_kind_is_known",
        ),
        migrations.RemoveIndex(
            model_name="subscription",
            name="subscription_due",
        ),
        migrations.RemoveField(
            model_name="billingrunitem",
            name="ended_count",
        ),
        migrations.RemoveField(
            model_name="billingrunitem",
            name="line_count",
        ),
        migrations.RemoveField(
            model_name="billingrunitem",
            name="net_cents",
        ),
        migrations.AddField(
            model_name="basisline",
            name="term",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="acknowledged_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="acknowledged"),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="approved_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="approved"),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="approved_by",
            field=models.CharField(
                blank=True, default="", max_length=64, verbose_name="approved by"
            ),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="billed_sha256",
            field=models.CharField(
                blank=True, default="", max_length=64, verbose_name="hash of what it billed"
            ),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="exported_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="exported"),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="issued_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="issued"),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="made_at",
            field=models.DateTimeField(
                default=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), verbose_name="made"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="billingrun",
            name="made_by",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="made by"),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="preview_sha256",
            field=models.CharField(
                blank=True, default="", max_length=64, verbose_name="preview hash"
            ),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("preview", "Preview"),
                    ("approved", "Approved"),
                    ("running", "Running"),
                    ("billed", "Billed"),
                    ("issued", "Issued"),
                    ("exported", "Exported"),
                    ("acknowledged", "Acknowledged"),
                ],
                default="preview",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="body_sha256",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="credits",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credited_by",
                to="billing.invoicebasis",
                verbose_name="credits",
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="fx_date",
            field=models.DateField(blank=True, null=True, verbose_name="day of the rate"),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="fx_rate",
            field=models.DecimalField(
                blank=True, decimal_places=6, max_digits=14, null=True, verbose_name="exchange rate"
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="fx_source",
            field=models.CharField(
                blank=True, default="", max_length=40, verbose_name="source of the rate"
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="held_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("vat_number", "the check of the VAT number"),
                    ("exchange_rate", "the exchange rate"),
                ],
                default="",
                max_length=20,
                verbose_name="waits for",
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="po_number",
            field=models.CharField(
                blank=True, default="", max_length=40, verbose_name="purchase-order number"
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bases",
                to="billing.billingrun",
                verbose_name="billing run",
            ),
        ),
        migrations.AddField(
            model_name="invoicebasis",
            name="vat_sek_cents",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="VAT in SEK"),
        ),
        migrations.AddField(
            model_name="subscription",
            name="term",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="basis",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="billing.invoicebasis",
            ),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="change",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="billing.subscriptionchange",
                verbose_name="change",
            ),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="credits",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credited_by",
                to="billing.basisline",
            ),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="plan",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.plan",
            ),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="price",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.price",
                verbose_name="price version",
            ),
        ),
        migrations.AlterField(
            model_name="basisline",
            name="subscription",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="billing.subscription",
                verbose_name="subscription",
            ),
        ),
        migrations.AlterField(
            model_name="billingrun",
            name="as_of",
            field=models.DateField(verbose_name="day"),
        ),
        migrations.AlterField(
            model_name="billingrun",
            name="started_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="started"),
        ),
        migrations.AlterField(
            model_name="billingrunitem",
            name="state",
            field=models.CharField(
                choices=[("done", "Done"), ("parked", "Parked"), ("skipped", "Skipped")],
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="invoicebasis",
            name="company",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoice_bases",
                to="companies.company",
                verbose_name="customer",
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="next_plan",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.plan",
                verbose_name="next plan",
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="price",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.price",
                verbose_name="price",
            ),
        ),
        migrations.AlterField(
            model_name="subscriptionchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("subscribe", "Bought"),
                    ("change_quantity", "Seats changed"),
                    ("change_plan", "Plan changed"),
                    ("cancel", "Cancelled"),
                    ("undo_cancel", "Cancellation undone"),
                    ("credit", "Credited"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="vattotal",
            name="basis",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="vat_totals",
                to="billing.invoicebasis",
            ),
        ),
        migrations.AddIndex(
            model_name="basisline",
            index=models.Index(
                fields=["subscription", "period_start"], name="line_of_subscription"
            ),
        ),
        migrations.AddIndex(
            model_name="basisline",
            index=models.Index(
                condition=models.Q(("change__isnull", False)),
                fields=["change"],
                name="line_of_change",
            ),
        ),
        migrations.AddIndex(
            model_name="basisline",
            index=models.Index(
                condition=models.Q(("credits__isnull", False)),
                fields=["credits"],
                name="line_that_credits",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["preview", "approved", "running", "billed"])),
                fields=("as_of",),
                name="day_has_one_open_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", ""),
                    models.Q(
                        models.Q(("approved_by", models.F("made_by")), _negated=True),
                        models.Q(("approved_by", models.F("started_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="maker_of_a_run_never_approves_it",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["approved", "issued", "exported", "acknowledged"]),
                        _negated=True,
                    ),
                    models.Q(
                        models.Q(("approved_by", ""), _negated=True), ("approved_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="run_is_issued_only_when_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrunitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("error", ""), ("state", "done")),
                    models.Q(
                        ("state__in", ["parked", "skipped"]), models.Q(("error", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="exception_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicebasis",
            constraint=models.UniqueConstraint(
                condition=models.Q(("credits", None), ("state", "draft")),
                fields=("company", "billing_date", "currency", "split_by", "po_number"),
                name="company_has_one_draft_a_day_and_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicebasis",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "draft")),
                fields=("credits",),
                name="basis_has_one_draft_that_credits_it",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicebasis",
            constraint=models.CheckConstraint(
                condition=models.Q(("credits", None), ("net_cents__lte", 0), _connector="OR"),
                name="what_credits_is_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicebasis",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "draft"), ("held_for", ""), _connector="OR"),
                name="what_waits_is_not_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicebasis",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "draft"),
                    ("currency", "SEK"),
                    ("vat_cents", 0),
                    models.Q(
                        ("fx_date__isnull", False),
                        ("fx_rate__gt", 0),
                        ("vat_sek_cents__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="foreign_vat_is_told_in_sek",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriptionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "subscribe",
                            "change_quantity",
                            "change_plan",
                            "cancel",
                            "undo_cancel",
                            "credit",
                        ],
                    )
                ),
                name="subscription_change_kind_is_known",
            ),
        ),
        migrations.AddField(
            model_name="billingbatch",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="batches",
                to="billing.billingrun",
                verbose_name="billing run",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.UniqueConstraint(
                fields=("currency", "on"), name="currency_has_one_rate_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate__gt", 0)), name="exchange_rate_is_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="vatnumbercheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_valid", None), ("answered_at__isnull", False), _connector="OR"
                ),
                name="vat_number_is_valid_only_when_answered",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingbatch",
            constraint=models.UniqueConstraint(
                fields=("run", "number"), name="batch_has_its_number"
            ),
        ),
    ]
