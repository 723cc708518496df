"""Prepares the database before an instance starts: migrates it, and names or makes a staff user."""

import fcntl
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import django.db
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from weathernote.runtime import prepared
from weathernote.runtime.local_servers import LocalServerError

Say = Callable[[str], None]
_DEMO_USER = "demo"


def prepare(*, demo: bool, say: Say) -> None:
    """Migrates the database and names or makes a staff user, in lines passed to `say`; does not if MIGRATE is off.

    Raises LocalServerError if the database cannot be used.
    """
    if not settings.MIGRATE:
        return
    with ExitStack() as stack:
        with suppress(OSError):  # a read-only file system, where the database is another server's
            lock = stack.enter_context((settings.RUN_DIR / "migrate.lock").open("w"))
            # Two first starts at the same time would both create the tables and the demo's user.
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            call_command("migrate", interactive=False, verbosity=0)
            _ensure_staff(demo, say)
        except django.db.Error as error:
            raise LocalServerError(_cannot_use(error)) from error


def _cannot_use(error: Exception) -> str:
    # PostgreSQL's reason has more lines, with a hint in each; none has the password.
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    database = settings.DATABASES["default"]["NAME"]
    return f"Cannot use the database {database} ({reason}): mend it, or name another with DATABASE_URL."


def _ensure_staff(demo: bool, say: Say) -> None:
    """If there is no staff user: for a demo makes one and prints its password, else prints how to make one."""
    users: Any = get_user_model()._default_manager
    if users.filter(is_staff=True).exists():
        return
    if not demo:
        say(prepared.no_staff())
        return
    password = secrets.token_urlsafe(12)
    users.create_superuser(_DEMO_USER, password=password)
    say(f"Staff for /admin/: user {_DEMO_USER}, password {password}  (made now, shown once)")
