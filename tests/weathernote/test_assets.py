"""The folder of the page's files is named after their content."""

import re

from weathernote import assets


def test_the_folder_has_another_name_when_a_file_changes(tmp_path):
    (tmp_path / "a.js").write_text("1")
    before = assets.version(tmp_path)
    (tmp_path / "a.js").write_text("2")
    assert assets.version(tmp_path) != before
    assert re.match(assets.UNCHANGING, f"/static/page/{before}/a.js")
