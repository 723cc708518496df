"""A way to ask queries of Django's test client."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

URL = "/api/v1/graphql"


@pytest.fixture
def ask(api: Client) -> Callable[..., Any]:
    """Posts a query with its variables, and whatever else the body has."""

    def asked(query: str | None = None, variables: Any = None, *, headers: Any = None, **more: Any) -> Any:
        body = {"query": query, "variables": variables, **more}
        return api.post(URL, json.dumps(body), content_type="application/json", headers=headers)

    return asked
