"""The page to try GraphQL with, as the server gives it."""

import re


def test_the_page_takes_nothing_from_elsewhere(client):
    response = client.get("/api/v1/docs/graphql")
    text = response.content.decode()
    assert response.status_code == 200 and response["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in response["Content-Security-Policy"] and "http:" not in text and "https:" not in text
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", text)
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
        assert client.get(address).status_code == 200
    again = client.get("/api/v1/docs/graphql/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_the_docs_lead_to_it(client):
    assert 'href="/api/v1/docs/graphql"' in client.get("/api/v1/docs").content.decode()
