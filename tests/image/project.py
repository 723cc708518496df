"""compose.yaml as its head says to use it, in a copy of the repository, before stand-ins for what is out of reach."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.image.podman import FILES, MOST_FILES, Podman
from tests.support.servers import TOP

HOST = "weather.example"
#: The machine's own address in the network of edge and instances, which the bridge has: staff and Open-Meteo are there.
OUTSIDE = "172.30.7.1"
UPSTREAM_PORT = 8100
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".run", "__pycache__", ".*_cache", "node_modules")
#: Podman leaves that to systemd's timers, and a machine may have no systemd. What starts is asked each second, and the
#: rest as often as compose.yaml has it.
_WATCH = """
passes=0
while sleep 1; do
    passes=$(((passes + 1) % 10))
    which=--filter=health=starting
    if [ "$passes" = 0 ]; then which=; fi
    for container in $("$@" ps --quiet $which); do "$@" healthcheck run "$container"; done
done
"""


class Override(dict[str, Any]):
    """In a second file for compose: takes the place of what the first has, rather than be merged with it."""


class OverrideList(list[Any]):
    """As Override, for a list."""


yaml.SafeDumper.add_representer(Override, lambda dumper, value: dumper.represent_mapping("!override", value))
yaml.SafeDumper.add_representer(OverrideList, lambda dumper, value: dumper.represent_sequence("!override", value))


class Project:
    """The copy, with secrets and a certificate of its own, as an operator makes them."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "weathernote"
        shutil.copytree(TOP, self.top, symlinks=True, ignore=_LEFT_OUT)
        self.docker = self.top / "deploy" / "docker"
        self.dockerfile = self.docker / "Dockerfile"
        self.services: dict[str, dict[str, Any]] = yaml.safe_load((self.docker / "compose.yaml").read_text())[
            "services"
        ]
        subprocess.run([sys.executable, self.docker / "make_env.py", HOST], check=True, capture_output=True)
        with (self.docker / ".env").open("a") as settings:
            settings.write(f"EDGE_STAFF_NETWORKS={OUTSIDE}/32\n")
        head = (self.docker / "compose.yaml").read_text()
        (self._certificate,) = re.findall(r"^#     (cd .+/tls && .+\\\n# .+) && cd -$", head, re.MULTILINE)
        self.make_certificate()

    def make_certificate(self) -> None:
        """By the command at the head of compose.yaml."""
        subprocess.run(
            ["sh", "-c", self._certificate.replace("\n#", "\n")], check=True, capture_output=True, cwd=self.top
        )

    @property
    def settings(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.docker / ".env").read_text().splitlines())

    @property
    def secrets(self) -> dict[str, str]:
        """By name; of the certificate's key a line."""
        _, key, *_ = (self.docker / "secrets" / "tls" / "privkey.pem").read_text().splitlines()
        settings = {name: value for name, value in self.settings.items() if re.search("KEY|PASSWORD", name)}
        return settings | {"privkey.pem": key}

    @property
    def base_image(self) -> str:
        (name,) = set(re.findall(r"^FROM (\S+)", self.dockerfile.read_text(), re.MULTILINE))
        return str(name)


def image_names(services: dict[str, dict[str, Any]], version: str) -> dict[str, str]:
    """Service → the name of its image in full, as Docker looks it up."""
    short = {name: re.sub(r"\$\{VERSION:-[\d.]+\}", version, one["image"]) for name, one in services.items()}
    return {name: f"docker.io/{'' if '/' in image else 'library/'}{image}" for name, image in short.items()}


def differences(services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What compose.yaml needs where Podman runs it, without the world, on a machine that may not have much."""
    return {"services": {name: _different(one) for name, one in services.items()}}


def _different(one: dict[str, Any]) -> dict[str, Any]:
    # Podman does not have Docker's way to log.
    different: dict[str, Any] = {"logging": Override(driver="k8s-file")}
    if "tmpfs" in one:
        # Nor can it say whose a tmpfs is, but by U: who runs the container.
        owned = [re.sub(r"uid=\d+,gid=\d+", "U", mount) for mount in one["tmpfs"]]
        different["tmpfs"] = OverrideList(owned)
    if "ulimits" in one and FILES < MOST_FILES:
        different["ulimits"] = Override(nofile=FILES)
    if "build" in one:
        different["environment"] = {"OPEN_METEO_URL": f"http://{OUTSIDE}:{UPSTREAM_PORT}"}
    return different


class Composed:
    """What `docker compose up` made of a project, in a machine of its own."""

    def __init__(self, project: Project, podman: Podman, folder: Path) -> None:
        self.project, self.podman, self.machine, self.folder = project, podman, podman.machine, folder
        socket = folder / "podman.sock"
        (folder / "differences.yaml").write_text(yaml.safe_dump(differences(project.services)))
        self._compose = ["docker", "compose", "-f", str(project.docker / "compose.yaml")]
        self._compose += ["-f", str(folder / "differences.yaml")]
        self.environment = podman.environment | {"DOCKER_HOST": f"unix://{socket}"}
        service = [*podman.words, "system", "service", "--time=0", f"unix://{socket}"]
        self.machine.start(folder / "podman.log", *service, env=podman.environment)
        self.machine.start(folder / "watch.log", "sh", "-c", _WATCH, "sh", *podman.words, env=podman.environment)
        upstream = ["-m", "weather.simulator.server", "--host", "0.0.0.0", "--port", str(UPSTREAM_PORT), "--unlimited"]
        self.machine.start(folder / "open-meteo.log", "env", f"--chdir={TOP}", sys.executable, *upstream)

    def compose(self, *words: str, **options: Any) -> str:
        return self.machine.run(*self._compose, *words, env=self.environment, **options)

    def up(self, *services: str, options: tuple[str, ...] = ()) -> None:
        words = ["up", "--detach", "--wait", "--no-build", "--pull=never", *options, *services]
        self.compose(*words, timeout_seconds=300)

    def execute(self, service: str, *words: str) -> str:
        return self.compose("exec", "--no-TTY", service, *words)

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        (told,) = json.loads(self.podman.run("container", "inspect", self.container(service)))
        return dict(told)

    def log(self, service: str) -> str:
        return self.podman.run("logs", self.container(service))

    def is_trusted(self) -> bool:
        """Whether the edge shows the certificate that lies in its folder."""
        try:
            return self.ask("/health")[0] == 200
        except AssertionError:
            return False

    def ask(self, path: str, *options: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of what the edge answers to who comes from outside."""
        at = ["--resolve", f"{HOST}:443:{OUTSIDE}", f"https://{HOST}{path}"]
        certificate = self.project.docker / "secrets" / "tls" / "fullchain.pem"
        words = ["curl", "--silent", "--show-error", "--include", "--max-time", "10", "--cacert", str(certificate)]
        head, _, text = self.machine.run(*words, *options, *at).replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, text
