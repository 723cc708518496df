"""What several test modules share: servers, staged upstreams, and what every answer must look like."""

import sys

# A failed assert here says what differs, as in the test modules. A server with settings from here loads no pytest.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        "tests.support.clients.browser", "tests.support.problems", "tests.support.staged.fetching"
    )
