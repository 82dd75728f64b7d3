"""How countries read."""

from django.utils import translation

from companies.forms import InvoiceAddressForm
from companies.models import list_countries, name_country


def test_countries_are_named_and_ordered_as_swedes_do() -> None:
    with translation.override("sv"):
        names = [name for _code, name in list_countries()]

    assert names[:4] == ["Sverige", "Norge", "Danmark", "Finland"]
    assert names.index("Zimbabwe") < names.index("Åland") < names.index("Österrike")
    assert "Brasilien" in names


def test_countries_follow_the_language_of_the_reader() -> None:
    with translation.override("en"):
        assert name_country("DE") == "Germany"
        field = InvoiceAddressForm.base_fields["invoice_country"]
        assert ("BR", "Brazil") in field.choices  # type: ignore[attr-defined]


def test_country_nobody_knows_stays_a_code() -> None:
    assert name_country("XX") == "XX"
