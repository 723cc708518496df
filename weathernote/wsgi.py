"""The WSGI callable that a server runs; settings that make no sense end the process with a line for each."""

import gc
import os
import sys
from importlib import import_module

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
django.setup(set_prefix=False)

from weather.places.table import table  # noqa: E402
from weathernote.checks import settings_errors  # noqa: E402
from weathernote.http.handler import Handler  # noqa: E402
from weathernote.runtime import granian, loops  # noqa: E402 - needs the settings to be set up

application = Handler()

if _problems := settings_errors():
    sys.exit("\n".join(str(problem.msg) for problem in _problems))

import_module(settings.ROOT_URLCONF)  # all views, so that no request waits for them and workers share their memory
table()  # for the same reasons
granian.in_each_worker(loops.start)
# The objects so far stay: traversing them would add a tenth of a second to each full collection.
gc.collect()
gc.freeze()
