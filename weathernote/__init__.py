"""The project, and the ground that every app stands on."""

#: The release, and the only place that names it: pyproject.toml, the OpenAPI schema and the User-Agent read it here.
__version__ = "1.0.0"
