"""A Debian in a folder that gets packages from where this machine gets them."""

import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from tests.image.machine import Machine

#: What the Dockerfile uses of Python's own image, which is a Debian with another build of the same Python.
PACKAGES = "ca-certificates,netbase,tzdata,python3,python3-venv,python-is-python3"
#: pip's settings that say where packages are, and how to get there.
_PIP_SETTINGS = "index-url|extra-index-url|trusted-host|proxy|default-timeout"


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def mirror(codename: str) -> str:
    """As apt on this machine has it, if that is the same Debian; else empty."""
    told = _said("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages")
    found = re.findall(rf"^{codename} (https?://\S+)$", told, re.MULTILINE)
    return found[0].rstrip("/") if found else ""


def pip_reaches_its_index() -> bool:
    return bool(_said(sys.executable, "-m", "pip", "--timeout", "10", "--retries", "0", "index", "versions", "pip"))


def certificates() -> Path:
    paths = ssl.get_default_verify_paths()
    return Path(os.environ.get("PIP_CERT") or paths.cafile or "/etc/ssl/certs/ca-certificates.crt")


def _apt_settings() -> list[str]:
    """Proxies and the like."""
    return [line for line in _said("apt-config", "dump").splitlines() if re.match(r"Acquire::(http|Check)", line)]


def _pip_settings() -> list[tuple[str, str]]:
    told = _said(sys.executable, "-m", "pip", "config", "list")
    return re.findall(rf"^(?:global|:env:)\.({_PIP_SETTINGS})='(.*)'$", told, re.MULTILINE)


def debootstrap(folder: Path, codename: str, machine: Machine) -> None:
    """The folder is for an image that is thrown away: what this machine reaches registries with lies in it."""
    proxies = re.findall(r'^Acquire::(https?)::Proxy "(.+)";$', "\n".join(_apt_settings()), re.MULTILINE)
    machine.run(
        *("env", *(f"{scheme}_proxy={address}" for scheme, address in proxies)),
        *("debootstrap", "--variant=minbase", f"--include={PACKAGES}", codename, folder, mirror(codename)),
        online=True,
        timeout_seconds=400,
    )
    (folder / "etc/apt/apt.conf.d/50machine").write_text("\n".join(_apt_settings()) + "\n")
    (folder / "etc/pip.conf").write_text(
        "[global]\n" + "".join(f"{name} = {value}\n" for name, value in _pip_settings())
    )
    shutil.copy(certificates(), folder / "etc/ssl/certs/ca-certificates.crt")
