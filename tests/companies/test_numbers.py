"""Organisation and VAT numbers as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from companies.models import (
    NumberError,
    VatNumberError,
    parse_org_number,
    parse_vat_number,
)
from companies.models.numbers import format_org_number


@pytest.mark.parametrize(
    "text",
    [
        "5567037485",
        "556703-7485",
        " 556703 - 7485 ",
        "556703–7485",
        "556703\u00a07485",
        "165567037485",
        "16556703-7485",
        "16 556703-7485",
    ],
)
def test_org_number_is_taken_as_people_write_it(text: str) -> None:
    assert parse_org_number("SE", text) == "5567037485"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("811228-9874", "8112289874"),
        ("19811228-9874", "8112289874"),
        ("198112289874", "8112289874"),
    ],
)
def test_org_number_of_a_sole_trader_is_a_personnummer(text: str, number: str) -> None:
    assert parse_org_number("SE", text) == number


def test_org_number_of_a_sole_trader_may_be_a_coordination_number() -> None:
    number = "811288987"
    number += luhn.calc_check_digit(number)

    assert parse_org_number("SE", number) == number
    assert parse_org_number("SE", f"19{number}") == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "ABC",
        "ABCDEFGHIJKL",
        "55670374",
        "55670374850",
        "5567037486",  # one wrong digit: Luhn
        "5576037485",  # two digits swapped: Luhn
        "SE556703748501",  # a VAT number
        "168112289874",  # prefix of a legal person, number of a person
        "195567037485",  # the other way round
        "199913329876",  # a thirteenth month, a 33rd day
        "²²²²²²²²²²",
    ],
)
def test_org_number_that_cannot_be_right_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_org_number("SE", text)


def test_org_number_with_a_low_third_digit_must_be_a_date() -> None:
    for start in ("811328987", "811232987", "810028987"):
        with pytest.raises(NumberError):
            parse_org_number("SE", start + luhn.calc_check_digit(start))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_org_number_is_ten_digits_or_refused_whatever_is_typed(text: str) -> None:
    try:
        number = parse_org_number("SE", text)
    except NumberError:
        return
    assert number.isascii()
    assert number.isdecimal()
    assert len(number) == 10
    assert luhn.is_valid(number)


@pytest.mark.parametrize(
    ("country", "text", "number", "formatted"),
    [
        ("NO", "995 525 828", "995525828", "995525828"),
        ("DK", "13 58 56 28", "13585628", "13585628"),
        ("FI", "2077474-0", "20774740", "2077474-0"),
        ("FI", "20774740", "20774740", "2077474-0"),
        ("SE", "5567037485", "5567037485", "556703-7485"),
    ],
)
def test_org_numbers_of_the_nordic_countries(
    country: str, text: str, number: str, formatted: str
) -> None:
    assert parse_org_number(country, text) == number
    assert format_org_number(country, number) == formatted


@pytest.mark.parametrize(
    ("country", "text"),
    [("NO", "995525829"), ("DK", "13585627"), ("FI", "2077474-1"), ("DE", "5567037485")],
)
def test_org_number_of_another_country_is_checked_by_its_rules(country: str, text: str) -> None:
    with pytest.raises(NumberError):
        parse_org_number(country, text)


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [
        ("SE", "SE556703748501", "SE556703748501"),
        ("SE", "se 556703-7485 01", "SE556703748501"),
        ("SE", "556703748501", "SE556703748501"),
        ("SE", "", ""),
        ("NO", "NO 995 525 828 MVA", "NO995525828MVA"),
        ("NO", "995525828", "NO995525828MVA"),
        ("DK", "13585628", "DK13585628"),
        ("FI", "2077474-0", "FI20774740"),
    ],
)
def test_vat_number_gets_its_country(country: str, text: str, number: str) -> None:
    assert parse_vat_number(country, text) == number


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("SE", "SE556703748502"),
        ("SE", "SE556703748601"),
        ("SE", "FI20774740"),
        ("SE", "556703-7485"),
        ("NO", "995525829MVA"),
        ("FI", "SE556703748501"),
        ("DK", "no"),
    ],
)
def test_vat_number_that_cannot_be_right_is_refused(country: str, text: str) -> None:
    with pytest.raises(VatNumberError):
        parse_vat_number(country, text)
