"""Podman with a store of its own in a machine of its own."""

import json
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

from tests.image.machine import Machine

#: What compose.yaml asks for; less where this machine may not have as much.
MOST_FILES, MOST_PROCESSES = 65_536, 65_536


def at_most(limit: int, wanted: int) -> int:
    _, hard = resource.getrlimit(limit)
    return wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)


FILES = at_most(resource.RLIMIT_NOFILE, MOST_FILES)


class Podman:
    def __init__(self, folder: Path, machine: Machine) -> None:
        self.machine, self._folder = machine, folder
        folder.mkdir(parents=True, exist_ok=True)
        processes = at_most(resource.RLIMIT_NPROC, MOST_PROCESSES)
        # Podman's own limits are more than a machine that is itself contained may give.
        (folder / "containers.conf").write_text(f"""
            [containers]
            default_ulimits = ["nofile={FILES}:{FILES}", "nproc={processes}:{processes}"]
            [engine]
            runtime = "runc"
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            [network]
            network_config_dir = "{folder / "networks"}"
        """)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.lower() in _OF_THE_MACHINE},
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "TMPDIR": str(folder),
        }
        self.words = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
        self.words += ["--storage-driver", "overlay"]

    def run(self, *words: str | Path, **options: Any) -> str:
        return self.machine.run(*self.words, *words, env=self.environment, **options)

    def build(self, tag: str, file: Path, context: Path, *options: str) -> str:
        """By chroot, which asks least of the machine. Docker's format: the other one knows no health check."""
        return self.run(
            *("build", "--isolation", "chroot", "--format", "docker", "--pull=never", "--tag", tag),
            *(*options, "--file", str(file), str(context)),
            online=True,
            timeout_seconds=300,
        )

    def import_folder(self, folder: Path, tag: str) -> None:
        """Makes an image of one layer of a folder."""
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packed:
            self.run("import", "--quiet", "-", tag, stdin=packed.stdout)

    def inspect(self, image: str) -> dict[str, Any]:
        (told,) = json.loads(self.run("image", "inspect", image))
        return dict(told)


#: What commands need that go out of this machine, or look for programs.
_OF_THE_MACHINE = {"path", "home", "lang", "http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"}
