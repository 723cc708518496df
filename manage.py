#!/usr/bin/env python
"""Django's command line for WeatherNote."""

import os
import sys


def main() -> None:
    """Runs the command that the arguments name; DJANGO_SETTINGS_MODULE may name settings other than ours.

    Exits with one line if there is no such module.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = os.environ.get("DJANGO_SETTINGS_MODULE") or "weathernote.settings"
    try:
        _run()
    except ModuleNotFoundError as error:
        named = os.environ["DJANGO_SETTINGS_MODULE"]  # where Django puts --settings too
        if not f"{named}.".startswith(f"{error.name}."):
            raise
        sys.exit(f"CommandError: no module {named} (DJANGO_SETTINGS_MODULE): correct it, or unset it for our settings.")


def _run() -> None:
    if sys.argv[1:] in (["serve"], ["serve", "--demo"]):
        from weathernote.runtime import serve

        serve.serve_if_prepared(demo="--demo" in sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
