"""The WSGI callable that a server runs; settings that make no sense end the process with a line for each."""

import gc
import os
import sys
from importlib import import_module

import django
from django.conf import settings

from weather.places.table import table
from weathernote.runtime.unused import without_unused

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
gc.disable()  # it would traverse again and again what stays
table()  # so that no request waits for it
with without_unused():
    django.setup(set_prefix=False)

    from weather.api.service import service
    from weathernote import setting_problems
    from weathernote.http.handler import Handler
    from weathernote.runtime import granian, loops

    application = Handler()

    if _problems := setting_problems.problems():
        sys.exit("\n".join(_problems))

    # All views and the service, so that no request waits for them and workers share their memory.
    import_module(settings.ROOT_URLCONF)
    service()
granian.in_each_worker(loops.start)
# The objects so far stay: traversing them would add a tenth of a second to each full collection. Of 180,000 about 1,000
# are garbage, which is less than a search for them is worth.
gc.freeze()
gc.enable()
# What a round reads is thousands of objects, which reference counts free. To traverse them as they come would take 4 %
# of a new cell's CPU time.
gc.set_threshold(10_000)
