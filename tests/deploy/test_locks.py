"""The locks that `make lock` writes: old and new pips install them, whatever was released since."""

import base64
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.servers import TOP

#: The locks of the project itself, each with the extras of pyproject.toml that it holds.
EXTRAS: dict[str, list[str]] = {"requirements.txt": [], "requirements-dev.txt": ["dev"]}
LOCKS = [*EXTRAS, "tests/support/clients/openmeteo/requirements.txt"]
PINS = re.compile(r"(?m)^(?P<pin>[^\s#][^\\\n]*?)(?P<hashes>(?: \\\n +--hash=sha256:[0-9a-f]{64})*)$")
#: The pip of CPython 3.11.2 (Debian 12), the pip of CPython 3.11.7, and the newest.
PIPS = ["pip==23.0.1", "pip==23.2.1", "pip"]


def pins(lock: str) -> Iterator[tuple[Requirement, str]]:
    """Yields each pinned requirement of `lock` with the text of its hashes."""
    for found in PINS.finditer((TOP / lock).read_text()):
        yield Requirement(found["pin"]), found["hashes"]


@pytest.mark.pure
@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_one_version_with_hashes_and_without_extras(lock: str):
    """pip 23 does not see that `redis[hiredis]==8.1.0` is the `redis>=4.0.2` which another package asks for."""
    wrong = [
        str(pin) for pin, hashes in pins(lock) if pin.extras or not hashes or not str(pin.specifier).startswith("==")
    ]
    assert wrong == []
    assert len(list(pins(lock))) > 10


@pytest.mark.pure
@pytest.mark.parametrize("lock", EXTRAS)
def test_nothing_of_pyproject_is_missing(lock: str):
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    extras = [text for extra in EXTRAS[lock] for text in project["optional-dependencies"][extra]]
    locked = {canonicalize_name(pin.name): pin.specifier for pin, _ in pins(lock)}
    for wanted in map(Requirement, project["dependencies"] + extras):
        version = str(locked[canonicalize_name(wanted.name)]).removeprefix("==")
        assert wanted.specifier.contains(version), f"{wanted} is locked as {version}"


def test_no_installed_package_asks_for_another_with_extras():
    """pip 23 meets `coverage[toml]>=7.10` with the newest coverage, which has no hash in the lock."""
    asked = [
        f"{pin.name} asks for {text}"
        for pin, _ in pins("requirements-dev.txt")
        if _is_here(pin)
        for text in metadata.requires(pin.name) or []
        if (wanted := Requirement(text)).extras and (not wanted.marker or wanted.marker.evaluate({"extra": ""}))
    ]
    assert asked == []


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index on disk: every installed package's metadata in empty wheels, as locked and as a newer release."""
    folder = tmp_path_factory.mktemp("index")
    for pin, _ in pins("requirements-dev.txt"):
        if _is_here(pin):
            wanted = metadata.requires(pin.name) or []
            project = folder / canonicalize_name(pin.name)
            project.mkdir()
            wheels = [
                _write_wheel(project, pin.name, version, wanted) for version in (metadata.version(pin.name), "9999")
            ]
            (project / "index.html").write_text("".join(f'<a href="{wheel}">{wheel}</a>' for wheel in wheels))
    return folder


@pytest.fixture(scope="module", params=PIPS)
def pip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs one version of pip, out of its own wheel."""
    folder = tmp_path_factory.mktemp("pip")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), request.param]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"no package index is reached for {request.param}")
    return [sys.executable, str(next(folder.glob("*.whl")) / "pip")]


@pytest.mark.parametrize("lock", EXTRAS)
def test_a_newer_release_of_every_package_leaves_the_lock_installable(
    lock: str, pip: list[str], index: Path, tmp_path: Path
):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(_with_hash(pin, index) for pin, _ in pins(lock) if _is_here(pin)))
    dry = [*pip, "install", "--dry-run", "--ignore-installed", "--index-url", index.as_uri()]
    done = subprocess.run(
        [*dry, "--isolated", "--disable-pip-version-check", "--require-hashes", "-r", str(requirements)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "9999" not in done.stdout.partition("Would install")[2]


def _is_here(pin: Requirement) -> bool:
    return not pin.marker or pin.marker.evaluate()


def _with_hash(pin: Requirement, index: Path) -> str:
    file = index / canonicalize_name(pin.name) / _wheel_name(pin.name, metadata.version(pin.name))
    pin.marker = None
    return f"{pin} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _wheel_name(name: str, version: str) -> str:
    return f"{canonicalize_name(name).replace('-', '_')}-{version}-py3-none-any.whl"


def _write_wheel(folder: Path, name: str, version: str, wanted: list[str]) -> str:
    wheel = _wheel_name(name, version)
    information = wheel.removesuffix("-py3-none-any.whl") + ".dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{information}/METADATA": head + "".join(f"Requires-Dist: {each}\n" for each in wanted),
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / wheel, "w") as archive:
        for path, text in {**files, f"{information}/RECORD": record + f"{information}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
