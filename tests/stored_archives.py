"""Archives of earlier versions, kept as data."""

import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "archives"


def unpacked(name: str, folder: Path) -> Path:
    """Unpack one of them into a folder."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as file:
        file.extractall(folder / name)
    return folder / name
