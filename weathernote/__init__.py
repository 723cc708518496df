"""The project, and the ground that every app stands on."""

#: The release, named here alone: pyproject.toml, the OpenAPI schema and the User-Agent read it from here.
__version__ = "1.0.0"
