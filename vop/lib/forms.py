"""How forms are drawn, how they complain, and how they ask for a person."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, gettext_noop, ngettext_lazy

# Django's own complaints. Standing here they get a translation of ours, which goes before Django's
# stiff one; nobody reads the tuple.
DJANGO_TEXTS = (
    gettext_noop("This field is required."),
    gettext_noop("Enter a valid email address."),
    gettext_noop("Enter a whole number."),
    gettext_noop("Enter a valid date."),
    gettext_noop("Select a valid choice. %(value)s is not one of the available choices."),
    gettext_noop("Select a valid choice. That choice is not one of the available choices."),
    gettext_noop("Ensure this value is less than or equal to %(limit_value)s."),
    gettext_noop("Ensure this value is greater than or equal to %(limit_value)s."),
    ngettext_lazy(
        "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).",
        "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d).",
        "limit_value",
    ),
    gettext_noop("This password is too common."),
    gettext_noop("The password is too similar to the %(verbose_name)s."),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
        "min_length",
    ),
)


class PersonField(forms.EmailField):
    """A person named by their address; the browser suggests some while one types.

    A list to choose from would be thousands of people long. The form says who may be meant by
    setting `find`, which gets the address in small letters; the page shows the suggestions by
    including companies/_suggestions.html beside the form. The value is what `find` returned, or
    nothing.
    """

    SUGGESTIONS: Final = "people"  # the id of the list
    default_error_messages = {"nobody": gettext_lazy("No active member has this address.")}

    def __init__(self, **options: Any) -> None:
        attributes = {"list": self.SUGGESTIONS, "autocomplete": "off"}
        super().__init__(widget=forms.EmailInput(attrs=attributes), **options)
        self.find: Callable[[str], Any] = lambda _address: None

    def clean(self, value: Any) -> Any:
        """Return whom the address belongs to."""
        address = super().clean(value)
        found = self.find(address.lower()) if address else None
        if address and found is None:
            raise ValidationError(self.error_messages["nobody"], code="nobody")
        return found


# An attribute may be on (its name alone), off (not there) or have a value.
Attributes = Mapping[str, object]


class FormRenderer(TemplatesSetting):
    """Renders `{{ form }}` with the house's components: summary of errors, labels, help, inputs.

    The plain inputs are written here as Django's templates of them do, which take some ten times as
    long: two included templates for each option. So is a field without faults.
    """

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"

    def render(
        self,
        template_name: str,
        context: dict[str, Any],
        request: HttpRequest | None = None,
    ) -> SafeString:
        """Draw a widget, or another template of a form."""
        if template_name == self.field_template_name and _is_plain(context["field"]):
            return _draw_field(context["field"])
        draw = _DRAWN.get(template_name)
        if draw is not None:
            return draw(context["widget"])
        return SafeString(super().render(template_name, context, request))


def _is_plain(field: forms.BoundField) -> bool:
    """Tell whether a field is its label above its input, and nobody complained."""
    return not (field.errors or field.use_fieldset or field.widget_type == "checkbox")


def _draw_field(field: forms.BoundField) -> SafeString:
    kind = field.widget_type
    drawn = SafeString(field)
    if kind == "password":
        drawn = format_html(
            '<div class="password" data-password data-show="{}" data-hide="{}">{}</div>',
            gettext("Show"),
            gettext("Hide"),
            drawn,
        )
    return format_html(
        '<div class="field field-{} "><label class="label" for="{}">{}{}</label>{}{}</div>',
        kind,
        field.id_for_label,
        field.label,
        ""
        if field.field.required
        else format_html(' <span class="optional">({})</span>', gettext("optional")),
        _draw_help(field),
        drawn,
    )


def _draw_help(field: forms.BoundField) -> SafeString:
    if not field.help_text:
        return SafeString("")
    name = format_html('id="{}_helptext"', field.auto_id) if field.auto_id else ""
    return format_html('<div class="help" {}>{}</div>', name, SafeString(field.help_text))


def _draw_input(widget: Mapping[str, Any]) -> SafeString:
    value = widget["value"]
    return format_html(
        '<input type="{}" name="{}"{}{}>',
        widget["type"],
        widget["name"],
        "" if value is None else format_html(' value="{}"', value),
        _draw_attributes(widget["attrs"]),
    )


def _draw_select(widget: Mapping[str, Any]) -> SafeString:
    groups = [(_draw_group(name, options),) for name, options, _place in widget["optgroups"]]
    return format_html(
        '<select name="{}"{}>{}\n</select>',
        widget["name"],
        _draw_attributes(widget["attrs"]),
        format_html_join("", "{}", groups),
    )


def _draw_group(name: str | None, options: Iterable[Mapping[str, Any]]) -> SafeString:
    drawn = format_html_join(
        "",
        '\n<option value="{}"{}>{}</option>',
        ((each["value"], _draw_attributes(each["attrs"]), each["label"]) for each in options),
    )
    return format_html('\n<optgroup label="{}">{}\n</optgroup>', name, drawn) if name else drawn


def _draw_attributes(attributes: Attributes) -> SafeString:
    if not attributes:
        return SafeString("")
    return format_html_join(
        "",
        "{}{}",
        (
            (format_html(" {}", name), "" if value is True else format_html('="{}"', value))
            for name, value in attributes.items()
            if value is not False
        ),
    )


_DRAWN: Final[Mapping[str, Callable[[Mapping[str, Any]], SafeString]]] = {
    "django/forms/widgets/select.html": _draw_select,
    **{
        f"django/forms/widgets/{name}.html": _draw_input
        for name in (
            "checkbox", "date", "email", "hidden", "input", "number", "password", "search", "tel",
            "text", "url",
        )
    },
}  # fmt: skip
