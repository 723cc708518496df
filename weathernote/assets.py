"""The page's static files: their folder is named after their content, so that browsers may cache them for a year."""

from pathlib import Path

from blake3 import blake3

#: URL paths that whitenoise serves as immutable.
UNCHANGING = r"^/static/page/[0-9a-f]{12}/"


def version(folder: Path) -> str:
    """Twelve hex digits of a BLAKE3 hash of the names and contents of the folder's files."""
    digest = blake3()
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest(length=6)
