"""Tables that people bring and take: CSV in any usual coding and XLSX come in, both go out."""

import csv
import io
import zipfile
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import openpyxl
import xlsxwriter
from django.utils.translation import gettext_lazy as _

from vop.lib.errors import DomainError

MOST_BYTES: Final = 1024 * 1024
WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_UNPACKED: Final = 32 * MOST_BYTES  # a workbook is a ZIP file, and may be a bomb
_MOST_ROWS: Final = 20_000
_MOST_COLUMNS: Final = 100
BYTE_ORDER_MARK: Final = "\ufeff"  # without it Excel takes UTF-8 for something else
_DELIMITERS: Final = ";,\t"
_XLSX_START: Final = b"PK\x03\x04"
_WORKBOOK_START: Final = (_XLSX_START, b"\xd0\xcf\x11\xe0")  # XLSX, XLS
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROL_STARTS: Final = ("\t", "\r", "\n")


class TableError(DomainError):
    message = _("The file can't be read as a table. Save it as CSV and try again.")


class WorkbookError(TableError):
    message = _("This is a workbook. Save it as CSV in the spreadsheet, then choose that file.")


class TableTooLargeError(TableError):
    message = _("The file is too large: at most 1 MB. Split it in two.")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table that isn't blank, and the line of the file on which it ends."""

    number: int
    cells: tuple[str, ...]


def decode_table(raw: bytes) -> str:
    """Return the text of a CSV file in UTF-8, UTF-16 or Windows-1252, with or without a mark.

    Raises: WorkbookError, TableTooLargeError, TableError.
    """
    if len(raw) > MOST_BYTES:
        raise TableTooLargeError
    if raw.startswith(_WORKBOOK_START):
        raise WorkbookError
    try:
        text = raw.decode(_guess_coding(raw))
    except UnicodeDecodeError as error:
        raise TableError from error
    if "\0" in text:
        raise TableError
    return text


def parse_table(text: str) -> list[Line]:
    """Return the rows of a text, split at semicolons, commas or tabs, whichever it uses.

    Raises: TableError.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_guess_delimiter(text))
    lines = []
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                lines.append(Line(reader.line_num, stripped))
    except csv.Error as error:
        raise TableError from error
    return lines


def is_workbook(raw: bytes) -> bool:
    """Tell whether a file is an XLSX workbook, or says so."""
    return raw.startswith(_XLSX_START)


def read_table(raw: bytes) -> list[Line]:
    """Return the rows of a file, whether it is a CSV file or a workbook (its first sheet).

    Raises: WorkbookError, TableTooLargeError, TableError.
    """
    if is_workbook(raw):
        return _read_workbook(raw)
    return parse_table(decode_table(raw))


def _read_workbook(raw: bytes) -> list[Line]:
    try:
        is_too_large = len(raw) > MOST_BYTES or _unpacked_size(raw) > _MOST_UNPACKED
        lines = [] if is_too_large else _read_first_sheet(raw)
    except Exception as error:  # whatever a broken part makes the library raise
        raise TableError from error
    if is_too_large or (lines and lines[-1].number > _MOST_ROWS):
        raise TableTooLargeError
    return lines


def _unpacked_size(raw: bytes) -> int:
    """Return what the parts of a ZIP file say they unpack to; zipfile cuts off what is more."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        return sum(part.file_size for part in packed.infolist())


def _read_first_sheet(raw: bytes) -> list[Line]:
    book: Any = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    rows = book.worksheets[0].iter_rows(
        max_row=_MOST_ROWS + 1, max_col=_MOST_COLUMNS, values_only=True
    )
    cells = (_to_texts(row) for row in rows)
    return [Line(number, texts) for number, texts in enumerate(cells, 1) if any(texts)]


def _to_texts(row: Iterable[object]) -> tuple[str, ...]:
    """Return a workbook's cells as a person would have typed them; blank ends are cut off."""
    cells = [_to_text(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


def _to_text(value: object) -> str:
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # an organisation number that the spreadsheet took for a quantity
    return "" if value is None else str(value).strip()


def write_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV file that spreadsheets of the Nordics open by a double click."""
    return BYTE_ORDER_MARK + join_table([defuse(cell) for cell in row] for row in rows)


def join_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as text that `parse_table` reads the same again; not for spreadsheets."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows(rows)
    return out.getvalue()


def write_workbook(title: str, rows: Iterable[Sequence[str]]) -> bytes:
    """Return an XLSX file with one sheet, its first row as the heading; every cell is a text."""
    out = io.BytesIO()
    book: Any = xlsxwriter.Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet(title[:31])
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell, None if number else bold)
    sheet.set_column(0, 20, 22)
    book.close()
    return out.getvalue()


def list_with_faults(lines: Sequence[Line], faults: Mapping[int, str]) -> list[list[str]]:
    """Return the rows of a file with what is wrong with each in a column after the last one."""
    width = max((len(line.cells) for line in lines), default=0)
    return [
        [*line.cells, *[""] * (width - len(line.cells)), faults.get(line.number, "")]
        for line in lines
    ]


def defuse(cell: str) -> str:
    """Keep a spreadsheet from taking what somebody typed for a formula."""
    is_risky = cell.lstrip().startswith(_FORMULA_STARTS) or cell.startswith(_CONTROL_STARTS)
    return f"'{cell}" if is_risky else cell


def _guess_coding(raw: bytes) -> str:
    if raw.startswith(BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if raw[1:2] == b"\0":  # Latin letters in UTF-16 without a mark
        return "utf-16-le"
    if raw[:1] == b"\0":
        return "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252" if _fits(raw, "cp1252") else "latin-1"
    return "utf-8"


def _fits(raw: bytes, coding: str) -> bool:
    try:
        raw.decode(coding)
    except UnicodeDecodeError:
        return False
    return True


def _guess_delimiter(text: str) -> str:
    """Return what separates the first line that has anything of the kind."""
    for line in text.splitlines():
        counts = {mark: line.count(mark) for mark in _DELIMITERS}
        if any(counts.values()):
            return max(counts, key=lambda mark: counts[mark])
    return _DELIMITERS[0]
