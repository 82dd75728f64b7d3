from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServicesConfig(AppConfig):
    name = "services"
    verbose_name = _("Services")

    def ready(self) -> None:
        from auditlog.events import name_values  # noqa: PLC0415 (the same)
        from services import receivers  # noqa: F401, PLC0415 (connects; models must be loaded)
        from services.access import REFUSAL_TEXTS  # noqa: PLC0415 (the same)
        from services.queries import name_service_roles, name_services  # noqa: PLC0415 (the same)

        name_values("service", name_services)
        name_values("service_role", name_service_roles)
        name_values("reason", lambda: {str(key): text for key, text in REFUSAL_TEXTS.items()})
