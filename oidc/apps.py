from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OidcConfig(AppConfig):
    name = "oidc"
    verbose_name = _("Sign-in of services")

    def ready(self) -> None:
        from auditlog.events import name_values  # noqa: PLC0415 (the same)
        from oidc import checks, receivers  # noqa: F401, PLC0415 (connects; models must be loaded)
        from oidc.models import RevocationReason  # noqa: PLC0415 (the same)

        name_values("reason", lambda: dict(RevocationReason.choices))
