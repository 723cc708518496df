"""Files that are too large and tables of countless columns are refused before they cost anything."""

import pytest

from prewarm.admin.importing import LARGEST_BYTES
from tests.support.clients.staff import upload

pytestmark = pytest.mark.django_db

HEADER = "name,country,latitude,longitude,timezone"
OSLO = "Oslo,NO,59.91,10.75,Europe/Oslo"


@pytest.mark.parametrize("header", [HEADER + "," * 1_000_000, f'"a\nb"{"," * 1_000_000}', "sep=;\n" + ";" * 1_000_000])
def test_a_table_of_a_million_columns_is_refused_before_its_rows_are_read(editor, monkeypatch, header):
    monkeypatch.setattr("tablib.Dataset", None)  # whatever would read rows fails
    (said,) = upload(editor, f"{header}\n{OSLO}\n").context["form"].errors["import_file"]
    assert said.startswith("The first line has 1,000,00") and "columns, 40 at most" in said


def test_a_table_of_forty_columns_is_read(editor):
    preview = upload(editor, f"{HEADER}{''.join(f',mine{at}' for at in range(35))}\n{OSLO}\n")
    assert preview.context["result"].totals["new"] == 1


def test_a_row_of_a_million_commas_spoils_itself_alone(editor):
    preview = upload(editor, f"{HEADER}\n{OSLO}{',' * 1_000_000}\n{OSLO.replace('Oslo', 'Aker', 1)}\n")
    assert [row.number for row in preview.context["result"].invalid_rows] == [1]


def of_size(size: int) -> str:
    """A file of one city and of empty lines, which are no rows, of `size` bytes."""
    return f"{HEADER}\n{OSLO}\n".ljust(size, "\n")


def test_a_file_of_two_megabytes_is_read(editor):
    preview = upload(editor, of_size(LARGEST_BYTES))
    assert LARGEST_BYTES == 2_000_000 and preview.context["result"].totals["new"] == 1


def test_a_larger_file_is_refused_before_it_is_read(editor, monkeypatch):
    monkeypatch.setattr("tablib.Dataset", None)  # whatever would read rows fails
    (said,) = upload(editor, of_size(LARGEST_BYTES + 1)).context["form"].errors["import_file"]
    assert said == "The file has more than 2 MB."
