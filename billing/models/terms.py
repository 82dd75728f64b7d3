"""The terms of sale: dated versions whose texts never change."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from vop.lib.db import UUIDModel


class Terms(UUIDModel):
    """What buyers accept from a day on, until a later version holds.

    Triggers in the database refuse to change or delete one (migration 0018): an order points at
    the very text that was accepted.
    """

    version = models.CharField(_("version"), max_length=20, unique=True)
    text_sv = models.TextField(_("text in Swedish"))
    text_en = models.TextField(_("text in English"))
    valid_from = models.DateField(_("from"), unique=True)
    sha256 = models.CharField(_("SHA-256 of the texts"), max_length=64)
    published_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name = _("terms of sale")
        verbose_name_plural = _("terms of sale")

    def __str__(self) -> str:
        return self.version

    @property
    def ref(self) -> Ref:
        """The version as the log names it."""
        return Ref("terms", str(self.pk), self.version)

    def text_in(self, language: str) -> str:
        """Return the text in a language: Swedish unless English is asked for."""
        return self.text_en if language.startswith("en") else self.text_sv
