"""Open-Meteo's official Python client and Home Assistant's, each as published, in a folder of their own.

They cannot share the environment of the tests: one of their packages, urllib3-future, replaces urllib3 there.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.servers import TOP

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"


def folder() -> Path:
    """The folder to put on PYTHONPATH; made at the first call, and again when the requirements change."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    made = TOP / ".run" / f"openmeteo-clients-{digest}"
    stamp = made / "installed"
    if not stamp.exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--target", str(made)]
        subprocess.run([*command, "-r", str(REQUIREMENTS)], check=True)
        stamp.touch()
    return made


def npm_folder(source: Path = HERE / "npm", script: str = "official.js") -> Path:
    """A folder with the script of `source`, in which node finds the packages of its lock; needs npm.

    Made as `folder` is.
    """
    digest = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:16]
    made = TOP / ".run" / f"npm-{source.parent.name}-{source.name}-{digest}"
    stamp = made / "installed"
    if not stamp.exists():
        shutil.copytree(source, made, dirs_exist_ok=True)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--silent"], cwd=made, check=True)
        stamp.touch()
    shutil.copyfile(source / script, made / script)
    return made
