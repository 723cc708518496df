"""Audits the packages that the service installs: `.venv/bin/python deploy/audit.py`, which `make audit` runs.

Writes `.run/sbom.json`, a CycloneDX bill of materials of `requirements.txt`, and checks every package of
`requirements-dev.txt`, which includes those of `requirements.txt`, against OSV, the database of advisories.
Exits with 1 if there is an advisory, else with 0, also with a line if OSV cannot be reached.
"""

import json
import subprocess
import sys
from pathlib import Path

import requests

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from weathernote import __version__  # noqa: E402 - found by the line above

SBOM = TOP / ".run" / "sbom.json"
OSV_URL = "https://api.osv.dev/v1/query"
#: A package that OSV always knows.
SAMPLE_QUERY = {"package": {"ecosystem": "PyPI", "name": "django"}, "version": "5.2"}


def main(osv_url: str = OSV_URL) -> int:
    """Writes the bill of materials, then audits; returns the exit code."""
    write_sbom(TOP / "requirements.txt", SBOM)
    return audit(TOP / "requirements-dev.txt", osv_url)


def write_sbom(requirements: Path, sbom: Path) -> None:
    """Writes `requirements` to `sbom` as CycloneDX JSON: name, version, package URL and hashes of each package."""
    sbom.parent.mkdir(mode=0o700, exist_ok=True)
    # -W ignore: it warns that a requirements file does not list dependencies between packages.
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(requirements)]
    subprocess.run(
        [*command, "--pyproject", str(TOP / "pyproject.toml"), "--output-reproducible", "-o", str(sbom)], check=True
    )
    bill = json.loads(sbom.read_text())
    # pyproject.toml names the version's source, not the version.
    bill["metadata"]["component"]["version"] = __version__
    sbom.write_text(json.dumps(bill, indent=2) + "\n")
    print(f"{len(bill['components'])} packages of {requirements.name} written to {sbom}.")


def audit(requirements: Path, osv_url: str = OSV_URL) -> int:
    """Returns pip-audit's exit code for a file of pinned and hashed requirements, or 0 where OSV cannot be reached."""
    try:
        reply = requests.post(osv_url, json=SAMPLE_QUERY, timeout=10)
        reply.raise_for_status()
        reply.json()
    except requests.RequestException as error:
        print(f"Not audited: {osv_url} cannot be reached ({type(error).__name__}).")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--disable-pip", "--strict"]
    service = ["--vulnerability-service", "osv", "--osv-url", osv_url, "--progress-spinner", "off"]
    return subprocess.run([*command, *service], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
