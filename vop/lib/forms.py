from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Renders `{{ form }}` with the house's components: summary of errors, labels, help, inputs."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
