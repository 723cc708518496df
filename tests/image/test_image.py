"""The image as it is built: what is in it, and what is not."""

import mmap
import re
from pathlib import Path

from tests.image.podman import Podman
from tests.image.project import Project


def test_it_runs_as_somebody_without_rights_and_is_watched(podman: Podman, image: str):
    told = podman.inspect(image)
    assert (told["Config"]["User"], told["Config"]["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert told["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def test_no_secret_that_lay_beside_the_dockerfile_is_in_a_layer_or_in_its_history(podman, image, project, tmp_path):
    assert len(project.secrets) == 6
    packed = tmp_path / "image.tar"
    podman.run("image", "save", "--quiet", "--output", packed, image)
    with packed.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as everything:
        assert everything.find(b"weathernote/settings.py") > 0
        found = [name for name, secret in project.secrets.items() if everything.find(secret.encode()) >= 0]
    packed.unlink()
    assert not found


def test_the_service_is_all_that_is_copied_into_it(podman: Podman, image: str, project: Project):
    command = ["run", "--rm", "--network=none", image, "find", "/srv", "-mindepth", "2", "-maxdepth", "2"]
    inside = {Path(line).name for line in podman.run(*command).split()}
    copied = re.findall(r"^COPY (?!--from)(\S+)", project.dockerfile.read_text(), re.MULTILINE)
    assert inside == {source.partition("/")[0] for source in copied} | {"__pycache__", ".run"}


def test_no_module_has_to_be_compiled_at_each_start(podman: Podman, image: str):
    """Python could not keep what it compiles: at run time the file system is read-only."""
    listed = podman.run("run", "--rm", "--network=none", image, "find", "/srv/weathernote", "-name", "*.py*")
    names = set(listed.split())
    compiled = {re.sub(r"__pycache__/(.+)\.cpython-\d+\.pyc", r"\1.py", name) for name in names if name.endswith("c")}
    assert compiled == {name for name in names if name.endswith(".py")}
