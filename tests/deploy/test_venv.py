"""`deploy/venv.py`, which `make` runs before everything else: tested without a network, on a tree of its own."""

import importlib.util
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.servers import TOP

pytestmark = pytest.mark.pure


class Tree:
    """A tree whose `.venv` is made and filled by words in a list."""

    def __init__(self, folder: Path, venv: ModuleType) -> None:
        self.folder, self.venv, self.did = folder, venv, list[str]()
        (folder / ".venv").mkdir()
        self.write("requirements.txt", "one")
        self.write("requirements-dev.txt", "two")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def install(self, name: str) -> None:
        self.venv.main(self.folder / name)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    spec = importlib.util.spec_from_file_location("venv_maker", TOP / "deploy" / "venv.py")
    assert spec and spec.loader
    venv = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(venv)
    tree = Tree(tmp_path, venv)
    monkeypatch.setattr(venv, "TOP", tmp_path)
    monkeypatch.setattr(venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(venv, "_works", lambda: True)
    monkeypatch.setattr(venv, "_install", lambda file: tree.did.append(file.name))
    return tree


def test_an_old_python_is_refused_in_one_line(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(sys, "version", "3.10.4 (main, of another day)")
    with pytest.raises(SystemExit) as refused:
        tree.install("requirements.txt")
    assert str(refused.value).startswith("WeatherNote needs Python 3.11 or newer; this is 3.10.4. Try: make ")
    assert "\n" not in str(refused.value)
    assert tree.did == []


def test_nothing_is_done_where_it_is_installed(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.install("requirements.txt")
    assert capsys.readouterr().out == "Installing requirements.txt into .venv …\n"
    tree.install("requirements.txt")
    assert capsys.readouterr().out == ""
    assert tree.did == ["requirements.txt"]


def test_run_and_test_do_not_undo_each_other(tree: Tree) -> None:
    for _ in range(2):
        tree.install("requirements.txt")
        tree.install("requirements-dev.txt")
    assert tree.did == ["requirements.txt", "requirements-dev.txt"]


def test_going_back_to_older_requirements_installs_them_again(tree: Tree) -> None:
    tree.install("requirements-dev.txt")
    tree.write("requirements.txt", "newer")
    tree.install("requirements.txt")
    tree.write("requirements.txt", "one")
    tree.install("requirements-dev.txt")
    assert tree.did == ["requirements-dev.txt", "requirements.txt", "requirements-dev.txt"]


def test_what_failed_is_tried_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(file: Path) -> None:
        sys.exit("no internet")

    with monkeypatch.context() as broken:
        broken.setattr(tree.venv, "_install", fails)
        with pytest.raises(SystemExit):
            tree.install("requirements.txt")
    tree.install("requirements.txt")
    assert tree.did == ["requirements.txt"]


def test_a_venv_whose_python_is_gone_is_made_and_filled_anew(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.install("requirements.txt")
    monkeypatch.setattr(tree.venv, "_works", lambda: False)
    monkeypatch.setattr(tree.venv, "_make", lambda: tree.did.append("made"))
    tree.install("requirements.txt")
    assert tree.did == ["requirements.txt", "made", "requirements.txt"]


def test_two_at_once_take_turns(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(file: Path) -> None:
        tree.did.append("begins")
        time.sleep(0.1)
        tree.did.append("ends")

    monkeypatch.setattr(tree.venv, "_install", slowly)
    both = [threading.Thread(target=tree.install, args=(f"requirements{kind}.txt",)) for kind in ("", "-dev")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert tree.did == ["begins", "ends", "begins", "ends"]
