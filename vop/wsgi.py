"""The door of the web processes."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from vop.lib.threads import spare_event_loops

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vop.settings")

spare_event_loops()
application = get_wsgi_application()
# Every view is imported before the first person comes; what is broken stops the start.
_ = get_resolver().url_patterns
# What is imported stays: the collector of cyclic garbage needn't walk through it (0.1 s each time,
# in the middle of somebody's request).
gc.collect()
gc.freeze()
