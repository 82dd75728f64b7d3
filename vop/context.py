"""What the layouts know of the request: where the person is, and where they may go."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.http import signed_in_user
from companies.models import Company, Permission, SupportGrant
from companies.queries.recent import list_recent_companies

THEMES = {"": _("Automatic"), "light": _("Light"), "dark": _("Dark")}


@dataclass(frozen=True, slots=True)
class Destination:
    """A page in a menu."""

    label: str | Promise
    url: str
    icon: str = ""
    note: str = ""
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few settings, as a button."""

    value: str
    label: str | Promise
    is_current: bool


@dataclass(frozen=True, slots=True)
class _Page:
    name: str
    label: str | Promise
    icon: str
    permission: Permission = Permission.COMPANY_VIEW
    is_for_firms: bool = False


_COMPANY_PAGES = (
    _Page("company_home", _("Overview"), "home"),
    _Page("services:overview", _("Services"), "services", Permission.SERVICE_VIEW),
    _Page("companies:members", _("Members"), "members", Permission.MEMBER_VIEW),
    _Page("services:firms", _("Firms"), "firms", Permission.MANDATE_VIEW),
    _Page("billing:clients", _("Clients"), "clients", Permission.MANDATE_VIEW, is_for_firms=True),
    _Page("billing:subscriptions", _("Subscriptions"), "subscriptions", Permission.BILLING_VIEW),
    _Page("billing:bases", _("Invoice bases"), "bases", Permission.BASIS_VIEW),
    _Page("stats:company", _("Statistics"), "statistics", Permission.STATISTICS_VIEW),
    _Page("companies:policies", _("Security rules"), "security", Permission.POLICY_UPDATE),
    _Page("companies:support", _("Support access"), "staff", Permission.SUPPORT_GRANT),
    _Page("companies:log", _("Log"), "log", Permission.AUDIT_VIEW),
    _Page("companies:details", _("Company details"), "company"),
)
_PERSONAL_PAGES = (
    _Page("home", _("Home"), "home"),
    _Page("accounts:profile", _("Profile"), "person"),
    _Page("accounts:security", _("Security"), "security"),
)


class Portal:
    """The frame around a page; asks the database only when a template shows what it found."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def company(self) -> Company | None:
        """The company that the page is about, once the gate let the person in."""
        return getattr(self._request, "company", None)

    @property
    def support_grant(self) -> SupportGrant | None:
        """What lets a member of staff look at this company, when that is who looks."""
        return getattr(self._request, "support_grant", None)

    @property
    def status_url(self) -> str:
        return settings.STATUS_URL

    @property
    def theme(self) -> str:
        """The chosen theme, or nothing to follow the device."""
        theme = self._request.COOKIES.get("theme", "")
        return theme if theme in THEMES else ""

    @property
    def themes(self) -> list[Choice]:
        """What there is to choose from."""
        return [
            Choice(value=value, label=label, is_current=value == self.theme)
            for value, label in THEMES.items()
        ]

    @cached_property
    def navigation(self) -> list[Destination]:
        """The pages that the person may open, in this company or of their own."""
        if self.company is None:
            return self._destinations(_PERSONAL_PAGES)
        permissions: frozenset[Permission] = getattr(self._request, "permissions", frozenset())
        pages = tuple(
            page
            for page in _COMPANY_PAGES
            if page.permission in permissions and (self.company.is_firm or not page.is_for_firms)
        )
        if not permissions:  # somebody of a firm, at a client
            pages = _COMPANY_PAGES[:1]
        return self._destinations(pages, company_id=self.company.pk)

    @cached_property
    def personal(self) -> list[Destination]:
        """The person's own pages, for the menu under their name."""
        return self._destinations(_PERSONAL_PAGES[1:])

    @cached_property
    def companies(self) -> list[Destination]:
        """The companies used last, each leading to its start page."""
        user = signed_in_user(self._request)
        now = getattr(self._request, "now", None)
        if user is None or now is None:
            return []
        current = self.company.pk if self.company else None
        return [
            Destination(
                label=company.name,
                note=company.formatted_org_number,
                url=_address("company_home", company_id=company.pk),
                is_current=company.pk == current,
            )
            for company in list_recent_companies(user, at=now)
        ]

    @property
    def switch_url(self) -> str:
        return _address("companies:switch")

    def _destinations(self, pages: tuple[_Page, ...], **kwargs: object) -> list[Destination]:
        found = [(page, _address(page.name, **kwargs)) for page in pages]
        here = self._current_of([url for _page, url in found])
        return [
            Destination(label=page.label, url=url, icon=page.icon, is_current=url == here)
            for page, url in found
            if url
        ]

    def _current_of(self, urls: list[str]) -> str:
        """Return the longest address that this page is at or below; start pages only at."""
        path = self._request.path
        starts = [url for url in urls if url and path.startswith(url)]
        longest = max(starts, key=len, default="")
        is_start = longest in urls[:1]
        return longest if longest == path or not is_start else ""


def portal(request: HttpRequest) -> dict[str, object]:
    return {"portal": Portal(request)}


def _address(name: str, **kwargs: object) -> str:
    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        return ""
