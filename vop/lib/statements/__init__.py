"""Statements of the hot paths: written with the ORM, compiled once per process, then only run.

Building and compiling a query of some joins costs Django several times what running it costs, and
PostgreSQL plans such a query longer than it runs it (docs/performance.md). A `Query` or `Update` is
an ordinary one with a `Parameter` wherever a value changes from call to call; `write` puts the
rows of one change into one statement, which is a transaction by itself. PostgreSQL also keeps the
plans, by PREPARE, as long as the connection lives.
"""

from vop.lib.statements.reading import Query, Together, fetch
from vop.lib.statements.running import Parameter
from vop.lib.statements.versions import RowVersion
from vop.lib.statements.writing import Found, Update, copy_new, new_row, write

__all__ = [
    "Found",
    "Parameter",
    "Query",
    "RowVersion",
    "Together",
    "Update",
    "copy_new",
    "fetch",
    "new_row",
    "write",
]
