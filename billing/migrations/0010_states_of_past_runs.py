"""Say of each run from before there were states where it stands: its drafts wait for approval."""

from django.db import migrations
from django.db.models import F


def tell(apps, schema_editor):
    runs = apps.get_model("billing", "BillingRun").objects
    runs.update(made_at=F("started_at"))
    runs.filter(finished_at=None).update(state="running")
    runs.exclude(finished_at=None).update(state="billed")


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_runs_and_credits")]
    operations = [migrations.RunPython(tell, migrations.RunPython.noop)]
