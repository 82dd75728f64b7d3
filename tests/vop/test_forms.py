"""vop.lib.forms draws the plain inputs itself: what comes out is what Django's templates say."""

from typing import Any

import pytest
from django import forms
from django.forms.renderers import TemplatesSetting
from django.template.loader import render_to_string
from django.utils import translation

from vop.lib.forms import FormRenderer

EVIL = '"><script>alert(1)</script>'
CHOICES = [
    ("", "–"),
    ("a", "A & O"),
    (EVIL, EVIL),
    (7, "sju"),
    ("Grupp <1>", [("b", "B"), ("c", "C")]),
]


@pytest.mark.parametrize(
    "widget",
    [
        forms.TextInput({"maxlength": 3, "autocomplete": "off", "required": True, "size": False}),
        forms.EmailInput({"list": "people"}),
        forms.NumberInput({"min": 0}),
        forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        forms.HiddenInput(),
        forms.PasswordInput(),
        forms.URLInput(),
        forms.TextInput({"type": "search", "placeholder": EVIL}),
        forms.CheckboxInput(),
        forms.Select(choices=CHOICES),
        forms.SelectMultiple(choices=CHOICES),
    ],
    ids=lambda widget: type(widget).__name__,
)
@pytest.mark.parametrize("value", [None, "", "a", EVIL, 7, ["a", "c"], True, False])
def test_inputs_are_drawn_as_django_draws_them(widget: forms.Widget, value: object) -> None:
    attributes: dict[str, Any] = {"id": "id_x", "aria-describedby": EVIL}

    drawn = widget.render("x", value, attributes, renderer=FormRenderer())

    theirs = widget.render("x", value, attributes, renderer=TemplatesSetting())
    assert "".join(drawn.split()) == "".join(theirs.split())
    assert "<script" not in drawn


def test_a_widget_with_a_template_of_its_own_keeps_it() -> None:
    drawn = forms.Textarea().render("x", EVIL, {"rows": 2}, renderer=FormRenderer())

    assert drawn.startswith('<textarea name="x" cols="40" rows="2">')
    assert "<script" not in drawn


class PlainForm(forms.Form):
    name = forms.CharField(label="Namn <b>", help_text="Som <b>det</b> står")
    secret = forms.CharField(widget=forms.PasswordInput())
    choice = forms.ChoiceField(choices=CHOICES, required=False)
    text = forms.CharField(widget=forms.Textarea(), initial=EVIL, required=False)


@pytest.mark.parametrize("auto_id", ["id_%s", ""])
@pytest.mark.parametrize("language", ["sv", "en"])
def test_field_is_drawn_as_its_template_says(auto_id: str, language: str) -> None:
    form = PlainForm(initial={"name": EVIL}, auto_id=auto_id, renderer=FormRenderer())

    for field in form:
        with translation.override(language):
            drawn = field.as_field_group()
            said = render_to_string("components/field.html", {"field": field})
        assert _without_space(drawn) == _without_space(said)
        assert "<script" not in drawn


def test_field_with_a_fault_is_drawn_by_its_template() -> None:
    form = PlainForm({"name": ""}, renderer=FormRenderer())

    drawn = form["name"].as_field_group()
    assert "field-invalid" in drawn
    assert "field-error" in drawn


def _without_space(html: str) -> str:
    return "".join(html.split())
