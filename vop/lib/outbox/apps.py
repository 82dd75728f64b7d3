from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "vop.lib.outbox"
    label = "outbox"
    verbose_name = "Outbox"
