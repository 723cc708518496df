"""The page's own files: their folder's name changes with them, so that browsers may keep them for a year."""

from pathlib import Path

from blake3 import blake3

#: What whitenoise takes for a file that never changes.
UNCHANGING = r"^/static/page/[0-9a-f]{12}/"


def version(folder: Path) -> str:
    """Twelve hex digits of what the folder holds."""
    digest = blake3()
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest(length=6)
