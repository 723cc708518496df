"""Audits the packages that the service installs: `.venv/bin/python deploy/audit.py`, which `make audit` runs.

Writes `.run/sbom.json`, a CycloneDX bill of materials of `requirements.txt`, and looks every package of
`requirements-dev.txt`, which includes those of `requirements.txt`, up in OSV, the database of advisories.
Exits with 1 if there is an advisory, else with 0, also with a line if OSV cannot be reached.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import requests

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from weathernote import __version__  # noqa: E402 - found by the line above

SBOM = TOP / ".run" / "sbom.json"
OSV_URL = "https://api.osv.dev"
#: A package that OSV always knows.
SAMPLE_QUERY = {"package": {"ecosystem": "PyPI", "name": "django"}, "version": "5.2"}
#: OSV refuses a larger batch.
BATCH_SIZE = 1000


class Package(NamedTuple):
    """One pinned package of a lock, with the SHA-256 of each of its files."""

    name: str
    version: str
    hashes: list[str]

    @property
    def query(self) -> dict[str, object]:
        """OSV's question about this version."""
        return {"package": {"ecosystem": "PyPI", "name": self.name}, "version": self.version}

    @property
    def component(self) -> dict[str, object]:
        """The package as a CycloneDX component."""
        url = f"pkg:pypi/{self.name}@{self.version}"
        hashes = [{"alg": "SHA-256", "content": each} for each in self.hashes]
        reference = {"type": "distribution", "url": f"https://pypi.org/project/{self.name}/{self.version}/"}
        return {
            "type": "library",
            "bom-ref": url,
            "name": self.name,
            "version": self.version,
            "purl": url,
            "externalReferences": [{**reference, "hashes": hashes}],
        }


def main(osv_url: str = OSV_URL) -> int:
    """Writes the bill of materials, then audits; returns the exit code."""
    write_sbom(TOP / "requirements.txt", SBOM)
    return audit(TOP / "requirements-dev.txt", osv_url)


def read(requirements: Path) -> list[Package]:
    """Returns the packages of a lock; raises SystemExit if a line is not pinned and hashed."""
    packages = []
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", requirements.read_text()).strip()):
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry)
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        if not pin or not hashes:
            sys.exit(f"{requirements.name}: {entry.splitlines()[0]} is not pinned and hashed. Try: make lock")
        packages.append(Package(pin[1], pin[2], hashes))
    return packages


def write_sbom(requirements: Path, sbom: Path) -> None:
    """Writes `requirements` to `sbom` as CycloneDX 1.6 JSON: name, version, package URL and hashes of each package."""
    packages = read(requirements)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "weathernote", "version": __version__}},
        "components": [each.component for each in packages],
    }
    sbom.parent.mkdir(mode=0o700, exist_ok=True)
    sbom.write_text(json.dumps(bill, indent=2) + "\n")
    print(f"{len(packages)} packages of {requirements.name} written to {sbom}.")


def audit(requirements: Path, osv_url: str = OSV_URL) -> int:
    """Prints each advisory. Returns 1 if there is an advisory or OSV breaks off, 0 otherwise, or if OSV is away."""
    packages = read(requirements)
    try:
        _ask(f"{osv_url}/v1/query", SAMPLE_QUERY)
    except requests.RequestException as error:
        print(f"Not audited: {osv_url} cannot be reached ({type(error).__name__}).")
        return 0
    found = 0
    for start in range(0, len(packages), BATCH_SIZE):
        batch = packages[start : start + BATCH_SIZE]
        try:
            results = _ask(f"{osv_url}/v1/querybatch", {"queries": [each.query for each in batch]})["results"]
        except requests.RequestException as error:
            print(f"The audit broke off at {osv_url} ({type(error).__name__}). Try again.")
            return 1
        for package, result in zip(batch, results, strict=True):
            for advisory in result.get("vulns", []):
                print(f"{package.name} {package.version}: {advisory['id']}")
                found += 1
    print(f"{len(packages)} packages of {requirements.name} audited, {found} advisories.")
    return 1 if found else 0


def _ask(url: str, question: object) -> dict[str, list[dict[str, list[dict[str, str]]]]]:
    reply = requests.post(url, json=question, timeout=30)
    reply.raise_for_status()
    answer: dict[str, list[dict[str, list[dict[str, str]]]]] = reply.json()
    return answer


if __name__ == "__main__":
    sys.exit(main())
