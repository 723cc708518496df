"""CSV files of staff: read leniently, and stored in Redis from the preview to the confirmation, for all instances."""

import csv
import io
import re
import uuid
from typing import Any

import tablib
from django import forms
from import_export.formats.base_formats import CSV
from import_export.forms import ImportForm
from import_export.tmp_storages import BaseStorage

from weathernote import redis

LARGEST_BYTES = 2_000_000
#: So many are checked in some seconds, while the browser waits (request_bodies.ANSWER_SECONDS at most).
MOST_ROWS = 5_000
#: The nine columns of a city, and room for columns of staff's own.
MOST_COLUMNS = 40
UPLOAD_LIFE_SECONDS = 3600

# The first line by which Excel names the separator.
_SEPARATOR = re.compile(r"sep=([,;\t])\s*", re.IGNORECASE)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class NoTable(ValueError):
    """The file cannot be read as a table; the message, for staff, says why and what to do."""


class CityCsv(CSV):
    """CSV as spreadsheets write it, with commas, semicolons or tabs; a row of a wrong length spoils no other."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        """The rows of a file in UTF-8. Raises NoTable for anything else."""
        try:
            text = in_stream.decode(self.encoding or "utf-8-sig") if isinstance(in_stream, bytes) else in_stream
            return _table(text)
        except UnicodeDecodeError:
            raise NoTable('The file is not in UTF-8: save it as "CSV UTF-8" and upload it again.') from None
        except csv.Error as error:
            raise NoTable(f"The file cannot be read as CSV: {error}.") from None

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> Any:
        """The rows as CSV in which no cell is a formula."""
        rows = (tuple(_escaped(str(cell)) for cell in row) for row in dataset)
        return super().export_data(tablib.Dataset(*rows, headers=dataset.headers), **kwargs)


def _table(text: str) -> tablib.Dataset:
    # Not splitlines(), which also ends lines at characters such as U+2028.
    lines = io.StringIO(text, newline="")
    first = lines.readline()
    if separator := _SEPARATOR.fullmatch(first):
        delimiter = separator[1]
    else:
        delimiter = max(",;\t", key=first.count)
        lines.seek(0)
    rows = csv.reader(lines, delimiter=delimiter)
    names = next(rows, [])
    if len(names) > MOST_COLUMNS:
        # Each row would be as wide, and each step of the import holds a copy of it.
        raise NoTable(f"The first line has {len(names):,} columns, {MOST_COLUMNS} at most: keep those listed above.")
    headers = [name.strip().lower() for name in names]
    dataset = tablib.Dataset(headers=headers)
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(dataset) == MOST_ROWS:
            raise NoTable(f"The file has more than {MOST_ROWS:,} rows: import it in parts.")
        width = len(headers)
        # Too many fields come from an unquoted comma, most likely in the last column, the notes.
        values = row if len(row) <= width else [*row[: width - 1], delimiter.join(row[width - 1 :])]
        dataset.append([*map(_unescaped, values), *[""] * (width - len(values))])
    return dataset


# IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT does less: it removes a leading = for good, and leaves + - @.
def _escaped(cell: str) -> str:
    """`cell` behind an apostrophe if a spreadsheet would run it as a formula; numbers stay as they are."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class UploadForm(ImportForm):
    """The upload of a file of cities, bounded in size."""

    def clean_import_file(self) -> Any:
        """The file; a ValidationError if it is larger than LARGEST_BYTES."""
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_BYTES:
            raise forms.ValidationError(f"The file has more than {LARGEST_BYTES // 1_000_000} MB.")
        return file


class UploadGone(LookupError):
    """The file that was previewed has expired."""


class RedisStorage(BaseStorage):
    """Stores a previewed file in Redis for an hour, as the confirmation may reach another instance.

    `save` and `read` raise RedisDown, `read` UploadGone.
    """

    def save(self, data: bytes) -> None:
        """Stores the file under a random name."""
        self.name = uuid.uuid4().hex
        redis.execute(("SET", self._key, data, "EX", UPLOAD_LIFE_SECONDS))

    def read(self) -> bytes:
        """The file that was saved."""
        (data,) = redis.execute(("GET", self._key))
        if data is None:
            raise UploadGone
        return bytes(data)

    def remove(self) -> None:
        """Deletes the file; it would expire by itself."""
        redis.ask(("DEL", self._key))

    @property
    def _key(self) -> str:
        return f"cities:upload:{self.name}"
