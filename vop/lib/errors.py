"""The kinds of refusal that cross rooms. Each room's own refusals stand beside its operations."""

from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """An anticipated refusal of an operation. `message` tells a person what to do next."""

    message: str | Promise = _("This can't be done right now.")

    def __init__(self, message: str | Promise | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(str(type(self).__name__))


class StaleError(DomainError):
    """Somebody else changed the same thing after the form was shown."""

    message = _(
        "Somebody changed this while you were editing. "
        "Your text is still here: compare it with what is saved now, then save again."
    )


class NotFound(Http404):
    """The thing doesn't exist, or isn't for this person to know about."""
