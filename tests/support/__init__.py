"""What several test modules share: servers, staged upstreams, and what every answer must look like."""

import pytest

# A failed assert here says what differs, as in the test modules.
pytest.register_assert_rewrite("tests.support.browser", "tests.support.problems", "tests.support.staged_fetching")
