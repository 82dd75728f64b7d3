"""List what a translation lacks: list_untranslated.py PO [PO BEFORE THE CODE WAS READ AGAIN].

Exit status 1 when a text is untranslated or fuzzy, has other placeholders than its translation, or
when the two files don't hold the same texts.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.pofile import read_po


def read(file: str) -> Catalog:
    with Path(file).open("rb") as source:
        return read_po(source, locale="sv")


def texts(message: Message) -> list[str]:
    found = message.string or ""
    return [found] if isinstance(found, str) else list(found)


def keys(catalog: Catalog) -> set[tuple[str | None, str]]:
    return {(message.context, str(message.id)) for message in catalog if message.id}


def find_faults(catalog: Catalog) -> Iterator[str]:
    for message in catalog:
        if not message.id:
            continue
        if message.fuzzy:
            yield f"fuzzy: {message.id!r}"
        elif not all(texts(message)):
            yield f"untranslated: {message.id!r}"
        else:
            yield from (f"{error}: {message.id!r}" for error in message.check())


def main(now: str, before: str | None = None) -> int:
    catalog = read(now)
    faults = list(find_faults(catalog))
    if before is not None:
        there, here = keys(read(before)), keys(catalog)
        faults += [
            f"in the code, not in the file (bin/messages): {k}" for _, k in sorted_(here - there)
        ]
        faults += [
            f"in the file, not in the code (bin/messages): {k}" for _, k in sorted_(there - here)
        ]
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return bool(faults)


def sorted_(found: set[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
    return sorted(found, key=lambda key: (key[0] or "", key[1]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
