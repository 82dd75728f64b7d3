from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from auditlog.events import name_values  # noqa: PLC0415 (models must be loaded)
        from billing import receivers  # noqa: F401, PLC0415 (connects; the same)
        from billing.queries import name_plans  # noqa: PLC0415 (the same)

        name_values("plan", name_plans)
