"""Verify against `sha256sum` of the same files: the real store and raw data, hashed in threads, one run."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from harness import DATA, compare

from cmrpipe.incremental.executors import cores
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store.verify import digest_file, in_threads, verify_store


def main() -> None:
    """Time all in turns; files are in the system's cache, so that hashing is what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        ingest(options.data, base / "catalog", base / "state", IngestParams(), listen=silent)
        write_quarantine(base / "quarantine.csv", [])
        folder = base / "store"
        store_stage(options.data, base / "catalog", base / "quarantine.csv", folder, StoreParams(), listen=silent)
        stored = sorted(str(path) for path in folder.rglob("*") if path.is_file())
        raw = sorted(str(path) for path in options.data.rglob("*") if path.is_file())

        def sha256sum(files: list[str]) -> None:
            subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)  # noqa: S607

        def hashed(files: list[str], *, md5: bool, sha256: bool) -> None:
            def read(path: str) -> str:
                found = digest_file(path, md5=md5, sha256=sha256)
                return found.md5 + found.sha256

            in_threads("verify", files, read, str, workers=cores(), listen=silent)

        size = sum(Path(path).stat().st_size for path in stored) / 1e6
        compare(
            f"the store, {len(stored)} files, {size:.0f} MB",
            {
                "sha256sum": lambda: sha256sum(stored),
                "verify the store, 1 thread": lambda: verify_store(folder, workers=1, listen=silent),
                f"verify the store, {cores()} threads": lambda: verify_store(folder, listen=silent),
                f"MD5 and SHA-256, {cores()} threads": lambda: hashed(stored, md5=True, sha256=True),
            },
            reference="sha256sum",
            rounds=options.rounds,
        )
        size = sum(Path(path).stat().st_size for path in raw) / 1e6
        compare(
            f"raw data, {len(raw)} files, {size:.0f} MB",
            {
                "sha256sum": lambda: sha256sum(raw),
                f"MD5 and SHA-256, {cores()} threads": lambda: hashed(raw, md5=True, sha256=True),
            },
            reference="sha256sum",
            rounds=options.rounds,
        )


if __name__ == "__main__":
    main()
