"""What the tests of the deploy files have in common."""

import re

from tests.support.servers import TOP

#: The names of all variables that settings.py reads, and so of all that a deploy may set.
SETTINGS_READ = set(re.findall(r'ENVIRONMENT\.\w+\(\s*"([A-Z_]+)"', (TOP / "weathernote" / "settings.py").read_text()))
