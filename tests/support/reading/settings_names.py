"""The names of the settings, for tests that hold files of a deploy to them."""

import re

from tests.support.servers import TOP

#: Every environment variable that settings.py reads: a deploy may set these and no others.
SETTINGS_READ = set(re.findall(r'ENVIRONMENT\.\w+\(\s*"([A-Z_]+)"', (TOP / "weathernote" / "settings.py").read_text()))
