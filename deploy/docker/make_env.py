"""Makes the secrets that compose.yaml needs: `python3 deploy/docker/make_env.py weather.example`.

Writes `.env` with random secrets, readable by its owner alone, and `secrets/users.acl` for Redis, which holds hashes;
neither is overwritten. Next to that file it makes the folders for the certificate and for Let's Encrypt's challenges.
Standard library only.
"""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAKE_USERS = HERE.parent / "redis" / "make_users.py"


def main(folder: Path, hosts: str) -> None:
    """Writes the files into `folder`; exits with one line if there is an `.env` already."""
    if (folder / ".env").exists():
        sys.exit(f"{folder / '.env'} is there already: move it away first.")
    values = {
        "ALLOWED_HOSTS": hosts,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "RATE_LIMIT_HASH_KEY": secrets.token_urlsafe(32),
        "REDIS_PASSWORD": _redis_users(folder / "secrets"),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(32),
        "GRAFANA_ADMIN_PASSWORD": secrets.token_urlsafe(24),
    }
    for name in ("tls", "acme"):
        _folder_for_containers(folder / "secrets" / name)
    with os.fdopen(os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    print(f"Made {folder / '.env'}: what clients use is {hosts}; Grafana's `admin` has GRAFANA_ADMIN_PASSWORD.")


def _redis_users(folder: Path) -> str:
    """The password of Redis' user `weathernote`, whose rights are in deploy/redis/make_users.py."""
    _folder_for_containers(folder)
    made = subprocess.run([sys.executable, str(MAKE_USERS), str(folder)], capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(made.stderr.strip())
    # Redis runs as another user in its container. Hashes of long random passwords cannot be reversed.
    (folder / "users.acl").chmod(0o644)
    print(*(line for line in made.stdout.splitlines() if not line.startswith("REDIS_URL=")), sep="\n")
    return re.findall(r"^REDIS_URL=\w+://weathernote:([\w-]+)@", made.stdout, re.MULTILINE)[0]


def _folder_for_containers(folder: Path) -> None:
    """Makes a folder that other users can list, whatever the umask; secret files in it have a mode of their own."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the hosts that clients use, comma-separated: make_env.py weather.example")
    main(HERE, sys.argv[1])
