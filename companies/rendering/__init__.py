"""How the log and the list of members read, on a page and as lines of a file."""

from companies.rendering.log import LogRow, describe_each, list_cells, list_columns
from companies.rendering.members import (
    list_member_cells,
    list_member_columns,
)

__all__ = [
    "LogRow",
    "describe_each",
    "list_cells",
    "list_columns",
    "list_member_cells",
    "list_member_columns",
]
