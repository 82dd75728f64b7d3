import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from companies.access import get_membership_for
from companies.models import Company, Permission
from vop.context import Portal

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
EVIL = "<script>alert(1)</script>"


def draw(source: str, **context: object) -> str:
    return engines["django"].from_string(source).render(context)


class Inspector(HTMLParser):
    """Notes what the strict policy for content would block."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _value in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.faults.append(f"<{tag}>")
        self.faults += [name for name in names if name == "style" or name.startswith("on")]


# --- Components ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{% page_header title=evil lead=evil %}{{ evil }}{% endpage_header %}",
        "{% panel title=evil lead=evil id=evil %}{{ evil }}{% endpanel %}",
        "{% grid %}{% metric evil evil hint=evil %}{% endgrid %}",
        "{% stack %}{% row %}{{ evil }}{% endrow %}{% endstack %}",
        "{% toolbar %}{{ evil }}{% endtoolbar %}",
        "{% breadcrumbs %}{{ evil }}{% endbreadcrumbs %}",
        "{% table caption=evil %}<tr><td>{{ evil }}</td></tr>{% endtable %}",
        "{% facts %}<dt>{{ evil }}</dt>{% endfacts %}",
        "{% tiles %}{% tile evil href=evil %}{{ evil }}{% endtile %}{% endtiles %}",
        "{% tile evil description=evil status=evil picture=evil alt=evil %}{{ evil }}{% endtile %}",
        "{% notice title=evil %}{{ evil }}{% endnotice %}",
        "{% empty_state title=evil %}{{ evil }}{% endempty_state %}",
        "{% badge evil %}",
        "{% faulty_rows 2 %}{{ evil }}{% endfaulty_rows %}",
        "{% row_outcome evil 7 evil %}{% row_outcome '' 7 evil %}",
        "{% button evil id=evil name=evil value=evil form=evil hint=evil %}",
        "{% link_button evil evil id=evil hint=evil %}",
        "{{ evil|initials }}",
    ],
)
def test_component_escapes_what_it_is_given(source: str) -> None:
    assert "<script" not in draw(source, evil=EVIL)


@pytest.mark.parametrize(
    "tag",
    [
        "panel", "grid", "stack", "row", "toolbar", "breadcrumbs", "facts", "tiles", "notice",
    ],
)  # fmt: skip
def test_block_keeps_the_markup_inside_it(tag: str) -> None:
    assert "<b>bold</b>" in draw(f"{{% {tag} %}}<b>bold</b>{{% end{tag} %}}")


def test_kept_is_drawn_once_per_language_and_knows_nothing_of_the_page() -> None:
    source = '{% kept %}<p>{% translate "Sign in" %}{{ name }}{{ request.path }}</p>{% endkept %}'
    template = engines["django"].from_string(source)
    request = RequestFactory().get("/secret/")

    assert template.render({"name": "Alice"}, request) == "<p>Logga in</p>"
    with translation.override("en"):
        assert template.render({"name": "Bob"}, request) == "<p>Sign in</p>"
    assert template.render({"name": "Bob"}, request) == "<p>Logga in</p>"


def test_crumbs_end_with_the_page_itself() -> None:
    """Else the last slash leads nowhere."""
    block = re.compile(r"{% breadcrumbs %}(.*?){% endbreadcrumbs %}", re.DOTALL)

    assert [
        file.name
        for file in TEMPLATES
        for crumbs in block.findall(file.read_text(encoding="utf-8"))
        if crumbs.rstrip().endswith("</a>")
    ] == []


def test_page_header_has_no_empty_place_for_actions() -> None:
    html = draw('{% page_header title="Members" %}\n{% endpage_header %}')

    assert "<h1>Members</h1>" in html
    assert "page-header-actions" not in html


def test_panel_is_named_by_its_title_when_it_has_an_id() -> None:
    html = draw('{% panel title="Address" id="address" %}{% endpanel %}')

    assert 'aria-labelledby="address-title"' in html
    assert '<h2 id="address-title">Address</h2>' in html


def test_tile_without_address_is_no_link() -> None:
    assert "<a" in draw('{% tile title="Archive" href="/x/" %}{% endtile %}')
    assert "<a" not in draw('{% tile title="Archive" %}{% endtile %}')


@pytest.mark.parametrize(
    "source", ['{% badge "x" tone="pink" %}', '{% button "x" variant="x" %}', '{% icon "../x" %}']
)
def test_component_refuses_what_the_house_does_not_have(source: str) -> None:
    with pytest.raises(ValueError, match=r"x|pink"):
        draw(source)


def test_button_carries_name_and_value() -> None:
    html = draw('{% button "End" variant="danger" name="act" value=0 hint="for Bob" %}')

    assert 'type="submit"' in html
    assert 'name="act"' in html
    assert 'value="0"' in html
    assert '<span class="visually-hidden"> for Bob</span>' in html


def test_pagination_keeps_the_filters(rf: RequestFactory) -> None:
    page = Paginator(range(30), 10).page(2)
    html = draw("{% pagination page %}", page=page, request=rf.get("/log/?kind=a&page=2"))

    assert 'href="?kind=a&amp;page=1"' in html
    assert 'href="?kind=a&amp;page=3"' in html
    assert 'href="?page=3#lines"' in draw("{% pagination page at='lines' %}", page=page)


def test_pagination_of_one_page_is_nothing() -> None:
    assert draw("{% pagination page %}", page=Paginator([1], 10).page(1)).strip() == ""


# --- Values --------------------------------------------------------------------------------------


def test_values_are_written_as_swedes_read_them() -> None:
    instant = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    with translation.override("sv"):
        html = draw(
            "{{ cents|money:'SEK' }} {{ at|day }} {{ at|moment }}", cents=1234550, at=instant
        )

    assert "12\xa0345,50\xa0kr" in html
    assert '<time datetime="2026-11-23">23 nov. 2026</time>' in html
    assert '<time datetime="2026-11-23T00:30:00+01:00">23 nov. 2026 00:30</time>' in html


def test_nothing_is_written_as_nothing() -> None:
    assert draw("[{{ x|money }}{{ x|day }}{{ x|moment }}]", x=None) == "[]"
    assert draw("{{ x|day }}", x=date(2026, 1, 2)).startswith('<time datetime="2026-01-02">')


def test_last_use_that_never_was_is_said_so() -> None:
    used_at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

    with translation.override("sv"):
        assert draw("{{ at|day|or_never }} {{ at|moment|or_never }}", at=None) == "Aldrig Aldrig"
        assert draw("{{ at|moment|or_never }}", at=used_at) == draw("{{ at|moment }}", at=used_at)


def test_moment_in_the_small_hours_has_two_digits_each() -> None:
    early = datetime(2026, 11, 23, 6, 8, tzinfo=UTC)

    with translation.override("sv"):
        drawn = draw("{{ at|moment }}", at=early)

    assert drawn == '<time datetime="2026-11-23T07:08:00+01:00">23 nov. 2026 07:08</time>'


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Alice Ek", "AE"), ("Anna Maria Öberg", "AÖ"), ("bob@exempel.se", "B"), ("", "")],
)
def test_initials_stand_for_a_person(name: str, letters: str) -> None:
    assert draw("{{ name|initials }}", name=name) == letters


# --- Forms ---------------------------------------------------------------------------------------


class InviteForm(forms.Form):
    email = forms.EmailField(label="Address", help_text="We write there.")
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    terms = forms.BooleanField(label="I agree")
    secret = forms.CharField(widget=forms.PasswordInput, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, initial=3)

    def clean(self) -> None:
        self.add_error(None, EVIL)


def test_error_summary_links_to_the_fields() -> None:
    html = str(InviteForm({"version": "3"}))
    summary = html[: html.index('class="fields"')]

    assert 'role="alert"' in summary
    assert 'href="#id_email"' in summary
    assert 'href="#id_kind_0"' in summary
    assert 'href="#id_terms"' in summary
    assert EVIL not in html
    for target in re.findall(r'href="#([^"]+)"', summary):
        assert f'id="{target}"' in html


def test_field_is_tied_to_its_help_and_its_error() -> None:
    html = str(InviteForm({"version": "3"}))

    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'id="id_email_helptext"' in html
    assert 'id="id_email_error"' in html
    assert html.count('aria-invalid="true"') >= 3


def test_form_without_errors_has_no_summary_and_marks_only_the_optional() -> None:
    html = str(InviteForm())

    assert "error-summary" not in html
    assert html.count('class="optional"') == 1
    assert '<input type="hidden" name="version" value="3" id="id_version">' in html


def test_form_of_hidden_fields_has_no_empty_frame() -> None:
    class Hidden(forms.Form):
        version = forms.IntegerField(widget=forms.HiddenInput)

    assert 'class="fields"' not in str(Hidden())


# --- Layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["400", "403", "404", "500", "503", "csrf"])
def test_error_page_needs_neither_request_nor_database(name: str) -> None:
    html = render_to_string(f"errors/{name}.html")

    assert html.count("<h1>") == 1
    assert "</html>" in html


def test_portal_layout_shows_where_the_person_is(
    sign_in: Callable[[User], Client], alice: User, acme: Company
) -> None:
    html = sign_in(alice).get(reverse("company_home", args=[acme.pk])).content.decode()

    assert acme.name in html
    assert acme.formatted_org_number in html
    assert alice.email in html
    assert 'aria-current="page"' in html
    assert 'href="#main"' in html
    assert '<html lang="sv"' in html


def test_menu_holds_what_the_roles_allow(
    rf: RequestFactory, alice: User, bob: User, acme: Company, now: datetime
) -> None:
    def menu_of(user: User) -> set[str]:
        request = rf.get("/")
        request.company = acme  # type: ignore[attr-defined]
        request.permissions = get_membership_for(  # type: ignore[attr-defined]
            user, acme.pk, Permission.COMPANY_VIEW, at=now
        ).permissions_at(now)
        return {item.icon for item in Portal(request).navigation}

    assert menu_of(bob) <= {"home", "services", "company"}
    assert {"home", "services", "statistics"} <= menu_of(alice)
    assert menu_of(bob) < menu_of(alice)


def test_menu_marks_the_page_above_the_one_shown(rf: RequestFactory) -> None:
    menu = Portal(rf.get(reverse("accounts:security") + "more/")).navigation

    assert [item.icon for item in menu if item.is_current] == ["security"]


def test_portal_asks_the_database_once_and_only_for_the_signed_in(
    rf: RequestFactory,
    alice: User,
    acme: Company,
    now: datetime,
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    request = rf.get("/")
    request.now = now  # type: ignore[attr-defined]
    for user, queries in ((AnonymousUser(), 0), (alice, 1)):
        request.user = user
        portal = Portal(request)
        with django_assert_num_queries(queries):
            assert [item.label for item in portal.companies] == [acme.name] * queries
            assert portal.companies is portal.companies
            assert portal.navigation


@pytest.mark.parametrize(("theme", "attribute"), [("dark", 'data-theme="dark"'), ("", "")])
def test_theme_is_kept_when_chosen(
    sign_in: Callable[[User], Client], alice: User, acme: Company, theme: str, attribute: str
) -> None:
    client = sign_in(alice)
    here = reverse("company_home", args=[acme.pk])

    response = client.post(reverse("set_theme"), {"theme": theme, "next": here})

    assert response.headers["Location"] == here
    opening = client.get(here).content.decode().partition("<head>")[0]
    assert attribute in opening
    assert ("data-theme" in opening) == bool(attribute)


def test_theme_leads_to_no_foreign_address(client: Client) -> None:
    response = client.post(reverse("set_theme"), {"theme": "x", "next": "https://evil.example/"})

    assert response.headers["Location"] == reverse("home")
    assert response.cookies["theme"].value == ""


# --- Every template ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_holds_nothing_inline(path: Path) -> None:
    if "mail" in path.parts or path.name.startswith("pdf"):
        pytest.skip("mails and PDF files are not pages of the browser")
    inspector = Inspector()
    inspector.feed(re.sub(r"{%.*?%}|{{.*?}}", "", path.read_text(encoding="utf-8")))

    assert inspector.faults == []


class SeatsForm(forms.Form):
    seats = forms.IntegerField(min_value=1, max_value=9)
    name = forms.CharField()


@pytest.mark.parametrize(
    ("seats", "complaint"), [("0", "Minst 1."), ("10", "Högst 9."), ("x", "Skriv ett heltal.")]
)
def test_django_complains_in_our_words(seats: str, complaint: str) -> None:
    with translation.override("sv"):
        form = SeatsForm({"seats": seats})

        assert form.errors["seats"] == [complaint]
        assert form.errors["name"] == ["Fyll i det här fältet."]
