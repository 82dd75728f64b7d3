"""How the log and the list of members read, on a page and as lines of a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from auditlog.models import Event
from companies.models import Company, Mandate, Membership, Role
from vop.lib.clock import STOCKHOLM, local_date
from vop.lib.tables import Line, defuse

FIELD_LABELS: Mapping[str, str | Promise] = {
    "name": gettext_lazy("Company name"),
    "vat_number": gettext_lazy("VAT number"),
    "street": gettext_lazy("Street or box"),
    "postcode": gettext_lazy("Postcode"),
    "city": gettext_lazy("City"),
    "language": gettext_lazy("Language"),
    "invoice_recipient": gettext_lazy("Recipient"),
    "invoice_street": gettext_lazy("Street or box"),
    "invoice_postcode": gettext_lazy("Postcode"),
    "invoice_city": gettext_lazy("City"),
    "invoice_country": gettext_lazy("Country"),
    "invoice_email": gettext_lazy("Invoice e-mail"),
    "invoice_reference": gettext_lazy("Your reference"),
    "invoice_delivery": gettext_lazy("How invoices are sent"),
    "e_invoice_address": gettext_lazy("E-invoice address"),
    "requires_second_factor": gettext_lazy("Ask everybody for a second factor"),
    "session_minutes": gettext_lazy("Minutes until a new proof"),
    "email_domains": gettext_lazy("E-mail domains"),
    "networks": gettext_lazy("Networks"),
}
_KEYS: Mapping[str, str | Promise] = {
    "role": gettext_lazy("Role"),
    "roles": gettext_lazy("Roles"),
    "from": gettext_lazy("From"),
    "until": gettext_lazy("Until"),
    "before": gettext_lazy("Before"),
    "after": gettext_lazy("After"),
    "service": gettext_lazy("Service"),
    "seats": gettext_lazy("Seats"),
    "quantity": gettext_lazy("Quantity"),
    "plan": gettext_lazy("Plan"),
    "reason": gettext_lazy("Reason"),
    "methods": gettext_lazy("Method"),
    "method": gettext_lazy("Method"),
    "email": gettext_lazy("Address"),
    "client": gettext_lazy("Client"),
}
_WORDS: Mapping[str, str | Promise] = {
    **{role.value: role.label for role in Role},
    **{end.value: end.label for end in Mandate.End},
    "mandate_ended": gettext_lazy("the mandate ended"),
    "reassigned": gettext_lazy("a new assignment took its place"),
    **{way.value: way.label for way in Company.InvoiceDelivery},
    **{status.value: status.label for status in Company.RegisterStatus},
    "removed": gettext_lazy("taken out"),
    "left": gettext_lazy("left on their own"),
    "released": gettext_lazy("released"),
    "moved": gettext_lazy("moved to somebody else"),
    "service_ended": gettext_lazy("the service ended"),
    "membership_ended": gettext_lazy("the membership ended"),
    "membership_suspended": gettext_lazy("the member was suspended"),
    "password": gettext_lazy("password"),
    "pwd": gettext_lazy("password"),
    "mfa": gettext_lazy("second factor"),
    "otp": gettext_lazy("one-time code"),
}


@dataclass(frozen=True, slots=True)
class LogRow:
    """An event as the log page shows it."""

    event: Event
    who: str
    ip: str
    target: str
    sentence: str
    details: tuple[tuple[str, str], ...]

    @property
    def is_by_staff(self) -> bool:
        """Whether somebody of ours did it."""
        return self.event.actor_kind == "staff"

    @property
    def is_success(self) -> bool:
        """Whether it worked."""
        return self.event.outcome == Event.Outcome.SUCCESS


def describe(event: Event) -> LogRow:
    """Return an event in words."""
    personal = _personal(event)
    data: dict[str, Any] = {**event.data, **personal["data"]}
    return LogRow(
        event=event,
        who=_who(event, personal["actor_label"]),
        ip=personal["ip"],
        target=personal["target_label"],
        sentence=" · ".join(_sentence(data, known=personal["target_label"])),
        details=tuple(_details(event, data, personal["user_agent"])),
    )


def list_columns() -> list[str]:
    """Head the columns of an exported log."""
    return [
        _("Time"), _("Event"), _("Event name"), _("Outcome"), _("Who"), _("Kind of actor"),
        _("Concerns"), _("Description"), _("IP address"), _("Event id"),
    ]  # fmt: skip


def list_cells(event: Event) -> list[str]:
    """Return an event as a line of an exported log, safe to open in a spreadsheet."""
    row = describe(event)
    cells = [
        _local(event.occurred_at), str(event.label), event.action, event.get_outcome_display(),
        row.who, event.actor_kind, row.target, row.sentence, row.ip, str(event.uid),
    ]  # fmt: skip
    return [defuse(cell) for cell in cells]


def list_member_columns() -> list[str]:
    """Head the columns of an exported list of members."""
    return [
        _("Name"), _("E-mail address"), _("Roles"), _("Auditor until"), _("Status"),
        _("Main contact"), _("Member since"), _("Last day"), _("Last here"),
    ]  # fmt: skip


def list_member_cells(member: Membership, *, at: datetime) -> list[str]:
    """Return a member as a line of an exported list, with dates of Stockholm."""
    grants = [grant for grant in member.role_grants.all() if grant.is_in_force(at)]
    ends = [str(grant.last_day) for grant in grants if grant.last_day]
    return [
        member.user.full_name, member.user.email, ", ".join(member.role_labels_at(at)),
        max(ends, default=""), _("Suspended") if member.is_suspended else _("Active"),
        _("yes") if member.is_main_contact else "", str(local_date(member.valid_from)),
        str(member.last_day or ""),
        str(local_date(member.last_used_at)) if member.last_used_at else "",
    ]  # fmt: skip


def list_with_faults(lines: Sequence[Line], faults: Mapping[int, str]) -> list[list[str]]:
    """Return the rows of a file with what is wrong with each in a column after the last one."""
    width = max((len(line.cells) for line in lines), default=0)
    return [
        [*line.cells, *[""] * (width - len(line.cells)), faults.get(line.number, "")]
        for line in lines
    ]


def _personal(event: Event) -> dict[str, Any]:
    """Return the personal part; it may have been erased."""
    try:
        part = event.personal
    except ObjectDoesNotExist:
        return {"actor_label": "", "target_label": "", "ip": "", "user_agent": "", "data": {}}
    is_staff = event.actor_kind == "staff"  # where our staff sit is not the customer's business
    return {
        "actor_label": part.actor_label,
        "target_label": part.target_label,
        "ip": "" if is_staff else part.ip or "",
        "user_agent": "" if is_staff else part.user_agent,
        "data": part.data,
    }


def _who(event: Event, label: str) -> str:
    if event.actor_kind == "system":
        return _("The platform")
    if event.actor_kind == "anonymous":
        return _("Somebody not signed in")
    return label or _("Erased person")


def _sentence(data: Mapping[str, Any], *, known: str) -> Iterator[str]:
    changes = data.get("changes")
    if isinstance(changes, dict):
        for name, pair in changes.items():
            if isinstance(pair, list) and len(pair) == 2:  # noqa: PLR2004 (before and after)
                yield f"{_field_label(name)}: {_value(pair[0]) or '–'} → {_value(pair[1]) or '–'}"
    elif isinstance(data.get("fields"), list):  # the values were erased
        yield ", ".join(_field_label(str(name)) for name in data["fields"])
    for key, label in _KEYS.items():
        if data.get(key) not in (None, "", [], known):
            yield f"{label}: {_value(data[key])}"


def _details(event: Event, data: Mapping[str, Any], user_agent: str) -> Iterator[tuple[str, str]]:
    yield _("Event name"), event.action
    yield _("Event id"), str(event.uid)
    if user_agent:
        yield _("Browser"), user_agent
    if event.request_id:
        yield _("Request"), event.request_id
    for key, value in sorted(data.items()):
        if key not in _KEYS and key not in {"changes", "fields"}:
            yield key, _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    if isinstance(value, bool) or value is None:
        return _BOOLEANS[value]()
    text = str(value)
    return _as_instant(text) or str(_WORDS.get(text, text))


_BOOLEANS: Mapping[bool | None, Callable[[], str]] = {
    True: lambda: _("yes"),
    False: lambda: _("no"),
    None: lambda: "–",
}


def _as_instant(text: str) -> str:
    if len(text) < len("2026-01-01T00:00Z") or "T" not in text:
        return ""
    try:
        return _local(datetime.fromisoformat(text))
    except ValueError:
        return ""


def _local(instant: datetime) -> str:
    return instant.astimezone(STOCKHOLM).strftime("%Y-%m-%d %H:%M:%S")


def _field_label(name: str) -> str:
    return str(FIELD_LABELS.get(name, name))
