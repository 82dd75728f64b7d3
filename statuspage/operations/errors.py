"""Why the status page refuses something: each error tells what to do instead."""

from django.utils.translation import gettext_lazy as _

from vop.lib.errors import DomainError


class PersonNeededError(DomainError):
    message = _("Only a person on the staff can do this: nothing gets public by itself.")


class NotStaffError(DomainError):
    message = _("Choose somebody on the staff who is active.")


class IncidentStateError(DomainError):
    message = _("The incident is in another state by now. Look at what has happened to it.")


class TextMissingError(DomainError):
    message = _("Write what people should know, in Swedish.")


class NoComponentError(DomainError):
    message = _("Choose at least one component and how it is affected.")


class NextUpdateInThePastError(DomainError):
    message = _("Promise the next update at a time that is still to come.")


class StartInTheFutureError(DomainError):
    message = _("An incident can't begin in the future.")


class PlannedUpdateStateError(DomainError):
    message = _("The planned update is in another state by now. Look at what has happened to it.")


class WindowPassedError(DomainError):
    message = _("The window has opened already. Move the update first.")


class WindowNotOpenError(DomainError):
    message = _("The window isn't open yet. Move the update if it must begin earlier.")


class WindowOrderError(DomainError):
    message = _("The window must end after its start.")


class DowntimeTooLongError(DomainError):
    message = _("The expected downtime must fit in the window.")


class ReasonMissingError(DomainError):
    message = _("Say why: people ask.")


class LateNoticeError(DomainError):
    message = _("This is less than 14 days ahead. Say why it is announced so late.")
