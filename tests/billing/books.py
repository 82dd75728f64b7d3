"""A reader of SIE 4I written from the format's description, to judge what we write."""

import re
from collections.abc import Sequence
from decimal import Decimal

FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|\{[^}]*\}|[^\s"{}]+')
HEAD = ["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP", "#ORGNR", "#FNAMN", "#KPTYP"]


def read_fields(line: str) -> list[str]:
    """The fields of a record, its quotes taken off."""
    return [
        re.sub(r"\\(.)", r"\1", field[1:-1]) if field.startswith('"') else field
        for field in FIELD.findall(line)
    ]


def read_sie(file: bytes) -> Sequence[dict[str, Decimal]]:
    """The vouchers of a file, each as amounts by account; a fault fails the test."""
    text = file.decode("cp437")
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    assert [line.split()[0] for line in lines[: len(HEAD)]] == HEAD
    assert lines[2:3] + lines[4:5] == ["#FORMAT PC8", "#SIETYP 4"]
    rest = lines[len(HEAD) :]
    chart = {read_fields(line)[1] for line in rest if line.startswith("#KONTO")}
    vouchers: list[dict[str, Decimal]] = []
    for line in rest[len(chart) :]:
        if line.startswith("#VER"):
            _name, series, number, day, _text = read_fields(line)
            assert (series, number) == ("", "")
            assert re.fullmatch(r"\d{8}", day)
            vouchers.append({})
        elif line not in {"{", "}"}:
            name, account, objects, amount = read_fields(line)
            assert (name, objects) == ("#TRANS", "{}")
            assert account in chart
            assert re.fullmatch(r"-?\d+\.\d\d", amount)
            assert account not in vouchers[-1]
            vouchers[-1][account] = Decimal(amount)
    assert [sum(voucher.values()) for voucher in vouchers] == [0] * len(vouchers)
    return vouchers
