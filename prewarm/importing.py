"""The CSV files of staff: read leniently, and kept between preview and confirmation where every instance finds them."""

import csv
import uuid
from typing import Any

import tablib
from django import forms
from import_export.formats.base_formats import CSV
from import_export.forms import ImportForm
from import_export.tmp_storages import BaseStorage

from weathernote import redis

#: About 20,000 cities.
LARGEST_BYTES = 2_000_000
KEPT_SECONDS = 3600


class CityCsv(CSV):
    """CSV as spreadsheets write it: with commas or semicolons; a row too short or too long spoils itself alone."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        text = in_stream.decode(self.encoding or "utf-8-sig") if isinstance(in_stream, bytes) else in_stream
        first = text.partition("\n")[0]
        rows = csv.reader(text.splitlines(keepends=True), delimiter=";" if ";" in first and "," not in first else ",")
        headers = [name.strip().lower() for name in next(rows, [])]
        dataset = tablib.Dataset(headers=headers)
        for row in rows:
            if any(cell.strip() for cell in row):
                width = len(headers)
                # What is too much is a comma that nobody quoted: it goes to the last column, the notes.
                kept = row if len(row) <= width else [*row[: width - 1], ",".join(row[width - 1 :])]
                dataset.append([*kept, *[""] * (width - len(kept))])
        return dataset


class UploadForm(ImportForm):
    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_BYTES:
            raise forms.ValidationError(f"The file has more than {LARGEST_BYTES // 1_000_000} MB.")
        return file


class UploadGone(LookupError):
    """The file that was previewed is kept no longer."""


class RedisStorage(BaseStorage):
    """The file that is previewed, for an hour, in Redis: the confirmation may reach another instance."""

    def save(self, data: bytes) -> None:
        self.name = uuid.uuid4().hex
        redis.value(redis.ask(("SET", self._key, data, "EX", KEPT_SECONDS))[0])

    def read(self) -> bytes:
        data: bytes | None = redis.value(redis.ask(("GET", self._key))[0])
        if data is None:
            raise UploadGone
        return data

    def remove(self) -> None:
        redis.ask(("DEL", self._key))

    @property
    def _key(self) -> str:
        return f"cities:upload:{self.name}"
