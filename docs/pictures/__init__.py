"""The manual's pictures. `python -m docs.pictures` draws them anew; a test fails where one differs from its script."""
