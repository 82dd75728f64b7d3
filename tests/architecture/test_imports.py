"""Between rooms only the doors are used; import-linter (bin/check) sees to their direction."""

from tests.architecture.tree import ROOMS, list_files, list_imports, name

DOORS = {"models", "queries", "access", "operations", "events", "signals", "http", "actors"}


def test_rooms_import_each_other_only_through_doors() -> None:
    faults = []
    for file in list_files(*ROOMS):
        own = name(file).split("/", 1)[0]
        for line, imported in list_imports(file):
            room, _, rest = imported.partition(".")
            if room in ROOMS and room != own and rest.split(".")[0] not in DOORS:
                faults.append(f"{name(file)}:{line} imports {imported}")

    assert faults == []


def test_lib_imports_nothing_of_the_rooms() -> None:
    faults = [
        f"{name(file)}:{line} imports {imported}"
        for file in list_files("vop/lib")
        for line, imported in list_imports(file)
        if imported.split(".")[0] in ROOMS
        or (imported.startswith("vop.") and not imported.startswith("vop.lib"))
    ]

    assert faults == []


def test_test_code_stays_out_of_the_house() -> None:
    faults = [
        f"{name(file)}:{line} imports {imported}"
        for file in list_files()
        for line, imported in list_imports(file)
        if imported.split(".")[0] in {"tests", "pytest"}
    ]

    assert faults == []
