#!/usr/bin/env python
"""Django's command line for WeatherNote."""

import os
import sys


def main() -> None:
    """Runs the command that the arguments name; DJANGO_SETTINGS_MODULE may name settings other than ours."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
    if sys.argv[1:] in (["serve"], ["serve", "--demo"]):
        from weathernote.runtime import serve

        serve.serve_if_prepared(demo="--demo" in sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
