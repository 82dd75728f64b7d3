"""Keys of rows."""

import functools
import uuid

# The same keys come again and again: foreign keys of rows, the companies of events.
read_uuid = functools.lru_cache(maxsize=8192)(uuid.UUID)
