"""In which language a client wants its person to be met (Core 3.1.2.1, `ui_locales`)."""

from django.utils.translation import get_supported_language_variant

_MAX_TAGS = 10


def choose_language(ui_locales: str) -> str:
    """Return the first language that we speak, or nothing; a wish that can't be met is none."""
    for tag in ui_locales.split()[:_MAX_TAGS]:
        try:
            return str(get_supported_language_variant(tag))
        except LookupError:
            continue
    return ""
