"""Makes `.venv` and installs a requirements file in it: `python3 deploy/venv.py requirements.txt`.

Standard library only. Safe to run again, and two at the same time wait for each other.
"""

import fcntl
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
TOP = Path(__file__).resolve().parent.parent
VENV = TOP / ".venv"
PYTHON = VENV / "bin" / "python"


def main(requirements: Path) -> None:
    """Makes `.venv` if it does not work yet, and installs the file unless the same content was installed before."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"WeatherNote needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.13 …"
        )
    with (TOP / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = _digest(requirements.parent)
        stamp = VENV / f"installed-{requirements.name}-{digest}"
        if stamp.exists() and _works():
            return
        _make()
        print(f"Installing {requirements.name} into .venv …", flush=True)
        _install(requirements)
        for other in VENV.glob("installed-*"):
            if not other.name.endswith(digest):
                other.unlink()  # its packages have just been overwritten
        stamp.touch()


def _digest(folder: Path) -> str:
    """A hash of all requirements files: they share `.venv`, so a change of one may replace packages of another."""
    texts = [file.read_bytes() for file in sorted(folder.glob("requirements*.txt"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _works() -> bool:
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0


def _make() -> None:
    if _works():
        return
    # Debian's Python has venv without pip in it; then the pip outside installs into the venv.
    bare = [] if importlib.util.find_spec("ensurepip") else ["--without-pip"]
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", *bare, str(VENV)], check=False)
    if made.returncode:
        sys.exit("Could not make .venv: install Python's venv module (Debian: apt install python3-venv).")


def _install(requirements: Path) -> None:
    inside = subprocess.run([PYTHON, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    pip = [str(PYTHON), "-m", "pip"] if inside else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(requirements)]
    if subprocess.run(command, check=False).returncode:
        sys.exit(
            f"Could not install {requirements.name}. Check that pip reaches a package index, then update pip and try "
            f"again: {PYTHON.relative_to(TOP)} -m pip install --upgrade pip"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
