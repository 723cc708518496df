"""The image and all of compose.yaml but Prometheus and Grafana, built and started once, where that can be done."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.image import debian
from tests.image.machine import Machine
from tests.image.podman import Podman
from tests.image.project import Composed, Project, image_names
from weathernote import __version__

NEIGHBOURS = Path(__file__).parent / "neighbours"
TOOLS = "unshare nsenter setpriv ip tar openssl debootstrap podman runc catatonit curl docker".split()
OUT_OF_REACH = "an image is built of packages, and their registries cannot be reached"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test is the first waits for the build and the start."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(900))


def why_not(codename: str) -> str:
    """Why no image can be built and run here; empty where it can."""
    if os.geteuid() != 0:
        return "building and running images needs root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"building and running images needs {', '.join(missing)}"
    if not _ends_well("docker", "compose", "version"):
        return "running compose.yaml needs docker compose"
    if not KEYRING.exists():
        return "a Debian is made with Debian's keys: debian-archive-keyring"
    if not (mirror := debian.mirror(codename)):
        return f"apt on this machine knows no mirror of Debian {codename}"
    return "" if _answers(f"{mirror}/dists/{codename}/Release") and debian.pip_reaches_its_index() else OUT_OF_REACH


def _answers(address: str) -> bool:
    try:
        return requests.head(address, timeout=10, allow_redirects=True, verify=str(debian.certificates())).ok
    except requests.RequestException:
        return False


def _ends_well(*words: str) -> bool:
    return not subprocess.run(words, capture_output=True, check=False).returncode


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    yield Project(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def podman(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman with the images that compose.yaml names."""
    codename = project.base_image.rpartition("-")[2]
    if reason := why_not(codename):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("podman")
    try:
        with machine_in(folder / "machine") as machine:
            podman = Podman(folder / "store", machine)
            build_base(podman, project, folder / "base", codename)
            skip_unless_it_runs(podman, project)
            with ThreadPoolExecutor(2) as pool:
                built = [pool.submit(build, podman, project) for build in (build_ours, build_neighbours)]
            for one in built:
                one.result()
            yield podman
    finally:
        shutil.rmtree(folder)


def machine_in(folder: Path) -> Machine:
    try:
        return Machine(folder)
    except AssertionError as error:
        pytest.skip(f"running images needs namespaces and overlay mounts: {error}")


def skip_unless_it_runs(podman: Podman, project: Project) -> None:
    try:
        podman.run("run", "--rm", "--network=none", project.base_image, "true")
    except AssertionError as error:
        pytest.skip(f"no container can be run here: {error}")


def build_base(podman: Podman, project: Project, folder: Path, codename: str) -> None:
    debian.debootstrap(folder, codename, podman.machine)
    podman.import_folder(folder, f"docker.io/library/{project.base_image}")


def build_ours(podman: Podman, project: Project) -> None:
    names = image_names(project.services, __version__)
    podman.build(names["instance-1"], project.dockerfile, project.top)


def build_neighbours(podman: Podman, project: Project) -> None:
    names = image_names(project.services, __version__)
    for service, stage in {"edge": "nginx", "redis": "valkey", "postgres": "postgres"}.items():
        base = f"--build-arg=BASE=docker.io/library/{project.base_image}"
        podman.build(names[service], NEIGHBOURS / "Containerfile", NEIGHBOURS, base, f"--target={stage}")


@pytest.fixture(scope="session")
def image(podman: Podman, project: Project) -> str:
    return image_names(project.services, __version__)["instance-1"]


@pytest.fixture(scope="session")
def composed(podman: Podman, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    composed = Composed(project, podman, tmp_path_factory.mktemp("composed"))
    try:
        composed.up("edge", "prewarm")
    except BaseException:
        print(composed.compose("ps", "--all"), composed.compose("logs", "--no-color"))
        raise
    yield composed
    composed.compose("down", "--volumes", "--timeout=1", timeout_seconds=150)
