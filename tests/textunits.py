"""Units of work that write a text each."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.files import sha256_bytes
from cmrpipe.incremental.manifest import located, read_manifest
from cmrpipe.incremental.refresh import Refresh, Unit, Written, refresh
from cmrpipe.progress import silent


def write_text_unit(text: str, folder: Path) -> Written:
    """A unit's work: writes a file with `text`; "boom" fails."""
    if text == "boom":
        raise RuntimeError("boom")
    name = f"units/{text.split(':', maxsplit=1)[0]}"
    (folder / "units").mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return Written([name], {"length": len(text)})


def run(folder: Path, texts: list[str], workers: int = 1) -> Refresh:
    """Refresh with a unit a text; the part before the colon is its key, the whole its fingerprint."""
    units = [Unit(text.split(":")[0], text, text) for text in texts]
    return refresh("test", folder, units, write_text_unit, listen=silent, workers=workers)


def contents(folder: Path) -> dict[str, str]:
    """What a reader sees: the text of every unit, through the manifest, each held against its hash."""
    seen = {}
    for key, entry in read_manifest(folder).items():
        for name, digest in entry["files"].items():
            data = located(folder, name).read_bytes()
            assert sha256_bytes(data) == digest
            seen[key] = data.decode()
    return seen
