import pytest
from hypothesis import given
from hypothesis import strategies as st

from vop.lib.giro import WrongNumberError, has_length_digit, make_ocr, parse_bankgiro, parse_ocr

DIGITS = st.text("0123456789", min_size=1, max_size=23)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("160-9908", "160-9908"),  # Bankgirot's own
        ("1609908", "160-9908"),
        ("9912346", "991-2346"),
        (" 5050-1055 ", "5050-1055"),
        ("5050\N{NO-BREAK SPACE}1055", "5050-1055"),
    ],
)
def test_bankgiro_is_written_as_people_do(text: str, written: str) -> None:
    assert parse_bankgiro(text) == written


@pytest.mark.parametrize(
    "text", ["", "160-9909", "991234", "505010555", "160-990x", "١٦٠٩٩٠٨", "--------"]
)
def test_bankgiro_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongNumberError):
        parse_bankgiro(text)


@pytest.mark.parametrize(
    ("number", "ocr"),
    [("1", "133"), ("12345678", "1234567806"), ("2026000017", "202600001723")],
)
def test_ocr_has_length_and_check_digit(number: str, ocr: str) -> None:
    """Worked by hand: digits, (length + 2) mod 10, then 10-modul over all of it."""
    assert make_ocr(number) == ocr


@given(DIGITS)
def test_every_ocr_is_read_back(number: str) -> None:
    ocr = make_ocr(number)

    assert parse_ocr(ocr) == ocr
    assert has_length_digit(ocr)
    assert ocr.startswith(number)


@given(DIGITS, st.data())
def test_one_wrong_digit_is_found(number: str, data: st.DataObject) -> None:
    ocr = make_ocr(number)
    place = data.draw(st.integers(0, len(ocr) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != ocr[place]]))

    with pytest.raises(WrongNumberError):
        parse_ocr(ocr[:place] + other + ocr[place + 1 :])


@pytest.mark.parametrize("number", ["", "12a", "1" * 24, "١٢"])
def test_number_that_makes_no_ocr_is_refused(number: str) -> None:
    with pytest.raises(WrongNumberError):
        make_ocr(number)


@pytest.mark.parametrize("text", ["", "0", "1" * 26, "12 34", "a1"])
def test_ocr_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongNumberError):
        parse_ocr(text)
