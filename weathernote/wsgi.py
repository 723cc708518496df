"""The WSGI callable that a server runs; it does not start on settings that make no sense."""

import gc
import os
import sys
from importlib import import_module

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
django.setup(set_prefix=False)

from weathernote.checks import settings_errors  # noqa: E402
from weathernote.http.handler import Handler  # noqa: E402
from weathernote.runtime import granian, loops  # noqa: E402 - needs the settings to be set up

application = Handler()

if _problems := settings_errors():
    sys.exit("\n".join(str(problem.msg) for problem in _problems))

import_module(settings.ROOT_URLCONF)  # all views: no request is to wait for them, nor each worker to have its own
granian.in_each_worker(loops.start)
# What was made so far stays: each full collection would look at all of it again, for a tenth of a second.
gc.collect()
gc.freeze()
