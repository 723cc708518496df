"""`manage.py graphql_schema`: prints the GraphQL schema, as docs/schema.graphql has it."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints the schema of this instance, with its extra variables."""

    help = "Prints the GraphQL schema of this instance, with its EXTRA_VARIABLES."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints it."""
        from weather.graphql.schema import sdl

        self.stdout.write(sdl(), ending="")
