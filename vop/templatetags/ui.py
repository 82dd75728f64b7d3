"""The components that pages are made of; docs/design-system.md shows each with an example.

A page says what a thing is, a component says how it looks: pages hold no classes.
"""

import functools
import re
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_date
from django.core.paginator import Page
from django.forms import BoundField
from django.forms.utils import flatatt
from django.http import HttpRequest, QueryDict
from django.template import Context, Engine, Library, Node, NodeList
from django.template.base import Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from vop.lib.clock import STOCKHOLM, local_date
from vop.lib.money import format_money

register = Library()

TONES = ("neutral", "good", "warn", "bad", "info")
VARIANTS = ("primary", "secondary", "quiet", "danger")
HUES = 6
LOCALES = {"sv": "sv_SE", "en": "en_GB"}
PAGE_PARAMETER = "page"


# --- What never changes --------------------------------------------------------------------------


class _KeptNode(Node):
    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self._drawn: dict[str | None, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        language = get_language()
        drawn = self._drawn.get(language)
        if drawn is None:
            drawn = self._drawn[language] = self.nodelist.render(context.new())
        return drawn


@register.tag
def kept(parser: Parser, _token: Token) -> _KeptNode:
    """Draw what is the same for everybody once per process and language.

    Nothing of the page or of whoever looks at it is known inside.
    """
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return _KeptNode(nodelist)


# --- Structure -----------------------------------------------------------------------------------


@register.simple_block_tag
def page_header(content: str, title: str, lead: str = "", mark: str = "") -> SafeString:
    """Head a page: its title, one sentence about it, and the actions inside the block.

    `mark` is what the tag of that name made.
    """
    return _component("page_header", title=title, lead=lead, mark=mark, content=_trimmed(content))


@register.simple_block_tag
def panel(
    content: str,
    title: str = "",
    lead: str = "",
    id: str = "",  # noqa: A002 (as HTML says it)
    mark: str = "",
) -> SafeString:
    """Frame what belongs together; `mark` is what the tag of that name made."""
    return _component("panel", title=title, lead=lead, id=id, mark=mark, content=content)


@register.simple_block_tag
def grid(content: str) -> SafeString:
    """Set panels side by side where there is room."""
    return format_html('<div class="grid">{}</div>', content)


@register.simple_block_tag
def stack(content: str) -> SafeString:
    """Set things below each other with air between."""
    return format_html('<div class="stack">{}</div>', content)


@register.simple_block_tag
def row(content: str) -> SafeString:
    """Set small things, such as buttons, on one line."""
    return format_html('<div class="row">{}</div>', content)


@register.simple_block_tag
def toolbar(content: str) -> SafeString:
    """Hold the form that filters a list."""
    return format_html('<div class="toolbar">{}</div>', content)


@register.simple_block_tag
def breadcrumbs(content: str) -> SafeString:
    """Lead back up: links, and the page's own name last if wanted."""
    return _component("breadcrumbs", content=content)


# --- Content -------------------------------------------------------------------------------------


@register.simple_block_tag
def table(content: str, caption: str) -> SafeString:
    """Show rows; the caption is for those who can't see what stands above.

    On a narrow screen each row becomes a card, labelled by the `data-label` of its cells.
    """
    return _component("table", caption=caption, content=content)


@register.simple_block_tag
def facts(content: str) -> SafeString:
    """List what is known of one thing: `<dt>` and `<dd>` pairs."""
    return format_html('<dl class="facts">{}</dl>', content)


@register.simple_block_tag
def tiles(content: str) -> SafeString:
    """Hold tiles."""
    return format_html('<ul class="tiles">{}</ul>', content)


@register.simple_block_tag
def tile(
    content: str,
    title: str,
    *,
    href: str = "",
    description: str = "",
    status: str = "",
    tone: str = "neutral",
    picture: str = "",
    alt: str = "",
    level: int = 2,
) -> SafeString:
    """Show a service; without an address it can't be opened and looks so.

    `picture` is the address of its picture, see `mark`.
    """
    return _component(
        "tile",
        title=title,
        href=href,
        description=description,
        status=status,
        tone=_one_of(tone, TONES),
        mark=mark(title, src=picture, alt=alt),
        level=level,
        content=_trimmed(content),
    )


@register.simple_tag
def mark(title: str, *, src: str = "", alt: str = "") -> SafeString:
    """Show a thing's picture, or in its place the title's initial, for the title to stand beside.

    Say in `alt` what the picture shows; leave it empty when it only decorates.
    """
    return _component(
        "mark",
        src=src,
        alt=alt,
        initial=str(title)[:1].upper(),
        hue=sum(map(ord, str(title)[:3])) % HUES,
    )


@register.simple_tag
def metric(label: str, value: object, hint: str = "") -> SafeString:
    """Show one number that matters, inside a grid."""
    return _component("metric", label=label, value=value, hint=hint)


@register.simple_block_tag
def notice(content: str, tone: str = "info", title: str = "") -> SafeString:
    """Tell something that the person should know before going on."""
    return _component("notice", tone=_one_of(tone, TONES), title=title, content=content)


@register.simple_block_tag
def empty_state(content: str, title: str) -> SafeString:
    """Say that there is nothing yet, and what to do about it."""
    return _component("empty_state", title=title, content=_trimmed(content))


@register.simple_tag
def badge(text: str, tone: str = "neutral") -> SafeString:
    """Mark a state; the words carry the meaning, the colour only helps."""
    return format_html(
        '<span class="badge badge-{}">{}</span>', _one_of(str(tone), TONES), str(text)
    )


@register.simple_block_tag
def faulty_rows(content: str, count: int) -> SafeString:
    """Head the preview of a list with wrong rows: how many, and what to do about them."""
    text = ngettext(
        "%(count)s row needs your attention", "%(count)s rows need your attention", count
    )
    told = notice(content, tone="bad", title=text % {"count": count})
    return format_html('<div role="alert" tabindex="-1" data-focus>{}</div>', told)


@register.simple_tag
def row_outcome(fault: str, line: int | None, good: str) -> SafeString:
    """End a row of such a preview: what is wrong with it or else what happens, and its line."""
    told = (
        format_html("{} <small>{}</small>", badge(gettext("Wrong"), tone="bad"), fault)
        if fault
        else badge(good, tone="good")
    )
    outcome = format_html('<td data-label="{}">{}</td>', gettext("What happens"), told)
    if line is None:
        return outcome
    number = '{}<td data-kind="number" data-label="{}">{}</td>'
    return format_html(number, outcome, gettext("Line"), line)


@register.simple_tag
def hint(label: str, text: str, id: str) -> SafeString:  # noqa: A002 (as HTML says it)
    """Explain a word to whoever points at it, reaches it by keyboard or touches it."""
    return _component("hint", label=label, text=text, id=id)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one of the house's icons; it says nothing to a screen reader."""
    return _draw_icon(name)


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page_obj: Page[Any], at: str = "") -> dict[str, object]:
    """Link to the other pages of a list, keeping the filters of this one.

    `at` is the id of the list, where it stands below something else.
    """
    request: HttpRequest | None = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)

    def address(number: int) -> str:
        query[PAGE_PARAMETER] = str(number)
        return f"?{query.urlencode()}{f'#{at}' if at else ''}"

    return {
        "page_obj": page_obj,
        "previous": address(page_obj.previous_page_number()) if page_obj.has_previous() else "",
        "next": address(page_obj.next_page_number()) if page_obj.has_next() else "",
    }


# --- Actions -------------------------------------------------------------------------------------


@register.simple_tag
def button(
    label: str,
    *,
    variant: str = "primary",
    id: str = "",  # noqa: A002 (as HTML says it)
    name: str = "",
    value: object = "",
    type: str = "submit",  # noqa: A002 (as HTML says it)
    form: str = "",
    formaction: str = "",
    hint: str = "",
) -> SafeString:
    """Do something; `hint` tells the blind which row a repeated label belongs to.

    With `formaction` what was typed goes there instead, unchecked by the browser: the form isn't
    done yet.
    """
    attributes = _attributes(
        id=id,
        name=name,
        value=value,
        form=form,
        formaction=formaction,
        formnovalidate=formaction and "formnovalidate",
    )
    return format_html(
        '<button type="{}" class="button button-{}"{}>{}{}</button>',
        type, _one_of(variant, VARIANTS), attributes, label, _unseen(hint),
    )  # fmt: skip


@register.simple_tag
def link_button(
    href: str,
    label: str,
    *,
    variant: str = "secondary",
    id: str = "",  # noqa: A002 (as HTML says it)
    hint: str = "",
) -> SafeString:
    """Go somewhere, looking like a button."""
    return format_html(
        '<a href="{}" class="button button-{}"{}>{}{}</a>',
        href, _one_of(variant, VARIANTS), _attributes(id=id), label, _unseen(hint),
    )  # fmt: skip


# --- Values --------------------------------------------------------------------------------------


@register.filter(is_safe=True)
def money(cents: int | str | None, currency: str = "SEK") -> str:
    """Write an amount of cents; nothing stays nothing."""
    if cents is None or cents == "":
        return ""
    text = format_money(int(cents), currency, get_language() or "sv")
    return format_html('<span class="money">{}</span>', text)


@register.filter(is_safe=True)
def day(value: date | datetime | None) -> str:
    """Write a date; an instant becomes its date in Stockholm."""
    if not value:
        return ""
    return _write_day(local_date(value) if isinstance(value, datetime) else value, _locale())


@register.filter(is_safe=True)
def moment(value: datetime | None) -> str:
    """Write an instant as a clock in Stockholm shows it."""
    if not value:
        return ""
    local = value.astimezone(STOCKHOLM)
    text = f"{_name_day(local.date(), _locale())} {local:%H:%M}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), text)


@register.filter(is_safe=True)
def or_never(shown: str) -> str:
    """Say so where `day` or `moment` has nothing to write, as beside a last use."""
    return shown or gettext("Never")


@register.filter
def first_input_id(field: BoundField) -> str:
    """Return the id to jump to for a field, also when it is made of several inputs."""
    return field.id_for_label or f"{field.auto_id}_0"


@register.filter
def initials(name: str) -> str:
    """Return one or two letters that stand for a person."""
    words = re.findall(r"\w+", name.partition("@")[0])
    return "".join(word[0] for word in words[:: max(1, len(words) - 1)][:2]).upper()


@register.filter
def tone_of_message(level_tag: str) -> str:
    """Return the tone in which a message of django.contrib.messages is shown."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level_tag, "info")


@register.filter
def host(url: str) -> str:
    """Return the host of an address, for people."""
    return urlsplit(url).netloc


def _component(name: str, **values: object) -> SafeString:
    # As render_to_string does, without looking for the engine and for processors of a request.
    return Engine.get_default().get_template(f"components/{name}.html").render(Context(values))


@functools.cache
def _draw_icon(name: str) -> SafeString:
    if not re.fullmatch(r"[a-z-]+", name):
        raise ValueError(name)
    return _component(f"icons/{name}")


def _unseen(hint: str) -> SafeString:
    """Write what only a screen reader says."""
    return format_html('<span class="visually-hidden"> {}</span>', hint) if hint else SafeString("")


def _attributes(**values: object) -> SafeString:
    return flatatt({name: value for name, value in values.items() if value not in {"", None}})


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        message = f"{value!r} is none of {', '.join(allowed)}"
        raise ValueError(message)
    return value


def _trimmed(content: str) -> str:
    """Return nothing for a block that holds only blanks; what is safe stays safe."""
    return content if content.strip() else ""


@functools.lru_cache(maxsize=4096)  # a list says the same few days in every row
def _write_day(value: date, locale: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), _name_day(value, locale))


@functools.lru_cache(maxsize=4096)
def _name_day(value: date, locale: str) -> str:
    return format_date(value, "d MMM y", locale=locale)


def _locale() -> str:
    return LOCALES.get(get_language() or "sv", "sv_SE")
