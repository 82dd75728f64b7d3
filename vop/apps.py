"""Django's and the provider library's apps, configured for this house."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from oidc_provider.apps import OIDCProviderConfig


class PlatformConfig(AppConfig):
    """The top of the house: its commands, tasks and template tags."""

    name = "vop"

    def ready(self) -> None:
        from vop.staff import give_staff_their_rights  # noqa: PLC0415 (models must be loaded)

        # Not this app's own turn: then the permissions of the others aren't there yet.
        post_migrate.connect(
            give_staff_their_rights,
            sender=apps.get_app_config("auth"),
            dispatch_uid="vop.staff",
        )


class ProviderConfig(OIDCProviderConfig):
    """django-oidc-provider with the key type its own migrations were made for.

    Without it, DEFAULT_AUTO_FIELD makes makemigrations write a migration into site-packages.
    """

    default = False
    default_auto_field = "django.db.models.AutoField"


class StaffConfig(AdminConfig):
    default = False
    default_site = "vop.admin.StaffSite"
