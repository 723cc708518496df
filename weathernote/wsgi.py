"""The WSGI callable that a server runs; it does not start on settings that make no sense."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
application = get_wsgi_application()

from weathernote import account  # noqa: E402 - needs the settings to be set up
from weathernote.checks import what_makes_no_sense  # noqa: E402

if _problems := what_makes_no_sense():
    sys.exit("\n".join(str(problem.msg) for problem in _problems))

account.start()
