"""How forms are drawn, and how they complain."""

from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_noop

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
)


class FormRenderer(TemplatesSetting):
    """Renders `{{ form }}` with the house's components: summary of errors, labels, help, inputs."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
