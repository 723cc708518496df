from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.servers import TOP
from tests.support.suite import ordering

pytestmark = pytest.mark.pure


def test_long_files_come_first_and_tests_of_a_file_keep_their_order():
    files = ["weather/core/test_a.py", "faults/test_b.py", "test_c.py", "image/test_d.py", "faults/test_e.py"]
    items: list[Any] = [SimpleNamespace(path=TOP / "tests" / file, number=at) for file in files for at in range(2)]
    ordered = [(item.path.name, vars(item)["number"]) for item in ordering.long_first(items)]
    assert ordered == [(f"test_{name}.py", number) for name in "dbeac" for number in range(2)]


@pytest.mark.parametrize("folder", ordering.LONG)
def test_each_folder_is_there(folder: str):
    assert list((TOP / "tests" / folder).rglob("test_*.py"))
