"""Patients dropped into the source while runs are in progress: all ingested, once; nothing recorded that is not in."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from cmrpipe.catalog import Catalog
from cmrpipe.connect.copying import hash_tree
from cmrpipe.landing import Ledger
from cmrpipe.store import open_store
from tests.flows.conftest import Space

pytestmark = pytest.mark.slow

SECONDS = 30.0
"""How long patients arrive for."""
SETTLE_S = 1.0


def drop(real: Path, source: Path, seed: int) -> None:
    """Bring 25 patients at random moments, file by file, as somebody with a file manager does."""
    rng = random.Random(seed)
    rows = (real / "link.csv").read_text().split()
    moments = sorted(rng.uniform(0, SECONDS) for _ in rows[1:])
    rng.shuffle(order := rows[1:])
    start = time.monotonic()
    for number, (moment, row) in enumerate(zip(moments, order, strict=True), 1):
        time.sleep(max(0.0, start + moment - time.monotonic()))
        patient, original = row.split(",")
        for folder in (f"dicoms/{patient}", f"contourfiles/{original}"):
            for path in sorted(p for p in (real / folder).rglob("*") if p.is_file()):
                target = source / path.relative_to(real)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                time.sleep(0.005)
        (source / ".link.csv").write_text("\n".join([rows[0], *order[:number]]) + "\n")
        (source / ".link.csv").replace(source / "link.csv")


def recorded(space: Space) -> set[str]:
    """Patients in the version of raw that DVC's record of ingest says the catalog was made of."""
    lock = yaml.safe_load((space.root / "dvc.lock").read_text())
    md5 = next(dep["md5"] for dep in lock["stages"]["ingest"]["deps"] if dep["path"] == "data/raw")
    tree = json.loads((space.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).read_bytes())
    return {path.split("/")[1] for entry in tree if (path := entry["relpath"]).startswith("dicoms/")}


def one_run(space: Space, source: Path) -> set[str]:
    """Land, ingest, store; the patients that came in, after holding catalog and store against DVC's record."""
    process = space.start("cmrpipe", "land", str(source))
    out, _ = process.communicate(timeout=300)
    assert process.returncode in (0, 1), out
    for stage in ("ingest", "store"):
        space.call("dvc", "repro", "--single-item", stage)
    here = recorded(space)
    assert set(Catalog(space.root / "data/catalog").patients()) == here
    with open_store(space.root / "data/store") as store:
        assert set(store.patients) <= here
    return here


def test_twenty_five_arrivals_at_random_moments(space: Space, shared_data: Path, tmp_path: Path) -> None:
    """Runs follow one another while patients arrive; after the last one all 25 are in, each landed exactly once."""
    real, source = shared_data / "more_patients", tmp_path / "source"
    space.set_param("source", "settle_s", SETTLE_S)
    (space.root / "quarantine.csv").write_text("what,name,why,by,when,decision\n")
    dropping = threading.Thread(target=drop, args=(real, source, 7))
    dropping.start()
    while not (source / "link.csv").exists():
        time.sleep(0.05)
    seen = [one_run(space, source)]
    while dropping.is_alive():
        seen.append(one_run(space, source))
    dropping.join()
    time.sleep(SETTLE_S)
    seen.append(one_run(space, source))
    assert all(before <= after for before, after in pairwise(seen))
    assert len(seen[-1]) == 25
    assert 0 < len(seen[0]) < 25, "the arrivals did not fall into several runs"
    for folder in ("dicoms", "contourfiles"):
        assert hash_tree(space.root / "data/raw" / folder) == hash_tree(real / folder)
    entries = Ledger(space.root / "data/raw").entries
    events = Counter((entry.folder, entry.event) for entry in entries if not entry.folder.startswith("links/"))
    assert len(events) == 50
    assert set(events.values()) == {1}
    assert {event for _, event in events} == {"new"}
    with open_store(space.root / "data/store") as store:
        assert len(store.patients) == 25
