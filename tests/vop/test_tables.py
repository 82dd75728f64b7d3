"""Tables as people bring them, and as they take them."""

import contextlib
import csv
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vop.lib.tables import (
    MOST_BYTES,
    TableError,
    TableTooLargeError,
    WorkbookError,
    decode_table,
    join_table,
    parse_table,
    write_csv,
    write_workbook,
)

TEXT = "E-post;Namn\r\nasa@exempel.se;Åsa Öberg\r\n"


@pytest.mark.parametrize(
    "coding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_every_usual_coding_is_read(coding: str) -> None:
    [head, row] = parse_table(decode_table(TEXT.encode(coding)))

    assert head.cells == ("E-post", "Namn")
    assert row.cells == ("asa@exempel.se", "Åsa Öberg")
    assert row.number == 2


def test_windows_dash_and_quotes_are_read() -> None:
    [line] = parse_table(decode_table("Åsa – “Ek”;x".encode("cp1252")))

    assert line.cells == ("Åsa – “Ek”", "x")


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_separator_is_found(mark: str) -> None:
    assert parse_table(f"a{mark}b\nc{mark}d")[1].cells == ("c", "d")


def test_lines_keep_their_number_in_the_file() -> None:
    lines = parse_table('a;b\n\n;\n"två\nrader";c\nd;e')

    assert [(line.number, line.cells) for line in lines] == [
        (1, ("a", "b")),
        (5, ("två\nrader", "c")),
        (6, ("d", "e")),
    ]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"PK\x03\x04 a workbook", WorkbookError),
        (b"\xd0\xcf\x11\xe0 an old one", WorkbookError),
        (b"x" * (MOST_BYTES + 1), TableTooLargeError),
        (b"a;b\nc\0d", TableError),
        (b"\xff\xfea", TableError),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes, error: type[TableError]) -> None:
    with pytest.raises(error):
        decode_table(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(TableError):
        parse_table(decode_table(raw))


CELLS = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zs"], blacklist_characters="\ufeff"),
    min_size=1,
    max_size=8,
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1, max_size=4))
def test_joined_rows_read_the_same_again(rows: list[list[str]]) -> None:
    rows = [[cell.strip() or "x" for cell in row] for row in rows]
    separators = [";", ",", "\t"]
    first = join_table(rows).splitlines()[0]
    if max(separators, key=first.count) != ";":
        return  # so many commas in a cell that nobody could tell

    assert [list(line.cells) for line in parse_table(join_table(rows))] == rows


FORMULA = '=HYPERLINK("http://evil.example")'


def test_formula_stays_a_text_in_both_files() -> None:
    rows = [["Namn"], [FORMULA], ["+46 70"]]

    [_head, [first], [second]] = csv.reader(io.StringIO(write_csv(rows)), delimiter=";")
    assert first == f"'{FORMULA}"
    assert second == "'+46 70"
    sheet = openpyxl.load_workbook(io.BytesIO(write_workbook("Medlemmar", rows))).active
    assert sheet["A2"].value == FORMULA
    assert sheet["A2"].data_type == "s"
