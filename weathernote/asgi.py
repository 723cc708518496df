"""The ASGI callable of `manage.py live`; settings that make no sense end the process with a line for each."""

import gc
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
django.setup(set_prefix=False)

from weather.api.service import service  # noqa: E402
from weather.live.application import Application  # noqa: E402
from weathernote import setting_problems  # noqa: E402
from weathernote.runtime import loops  # noqa: E402
from weathernote.site import health  # noqa: E402

if _problems := setting_problems.problems():
    sys.exit("\n".join(_problems))

application = Application(health.state.value)
service()  # so that no stream waits for it
loops.start()
# The objects so far stay: traversing them would add a tenth of a second to each full collection.
gc.collect()
gc.freeze()
# And so do open streams, which reference counts free: 12,000 of them would be traversed for half a second, in which no
# other is served, and that once a second while phones come back.
gc.set_threshold(10_000, 50, 1_000)
