"""Samples from a store and straight from the files."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.learn.source import DirectSource, Source
from cmrpipe.model import Quarantine
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.store import open_store
from cmrpipe.store.schema import StoredSample


@pytest.fixture(scope="module")
def places(small_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Raw folder, catalog and a quarantine that leaves a contour out."""
    folder = tmp_path_factory.mktemp("places")
    ingest(small_phantom, folder / "catalog", folder / "state", IngestParams(), listen=silent)
    endo = sorted(small_phantom.glob("contourfiles/*/i-contours/*"))[0].relative_to(small_phantom).as_posix()
    write_quarantine(folder / "quarantine.csv", [Quarantine("contour", endo, "a test", "me", "2026-01-01")])
    return small_phantom, folder / "catalog", folder / "quarantine.csv"


def equal(a: StoredSample, b: StoredSample) -> bool:
    """Bit for bit, types included."""
    arrays = [(getattr(a, name), getattr(b, name)) for name in ("image", "label", "contours")]
    same = all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in arrays)
    return same and all(getattr(a, n) == getattr(b, n) for n in ("instance_number", "pixel_spacing_mm", "heart_px"))


@pytest.mark.parametrize("form", ["hdf5", "zarr"])
def test_the_store_and_the_files_give_the_same_bits(places: tuple[Path, Path, Path], tmp_path: Path, form: str) -> None:
    """Every sample of every patient, alone and with all others, also through a pickled source."""
    store(*places, tmp_path / "store", StoreParams.model_validate({"format": form}), listen=silent)
    direct: Source = pickle.loads(pickle.dumps(DirectSource(*places)))  # noqa: S301
    with open_store(tmp_path / "store") as stored:
        assert direct.patients == stored.patients
        assert len(direct.patients) == 3
        for patient in direct.patients:
            assert direct.count(patient) == stored.count(patient)
            whole, other = direct.load(patient), stored.load(patient)
            assert whole.attributes() == other.attributes()
            assert whole.heart_px is not None
            for name, array in whole.arrays().items():
                np.testing.assert_array_equal(array, other.arrays()[name], err_msg=name)
            for i in range(direct.count(patient)):
                assert equal(direct.sample(patient, i), stored.sample(patient, i))
                np.testing.assert_array_equal(stored.sample(patient, i).image, whole.image[i])


def test_fingerprints_follow_files_and_quarantine(places: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """The same twice; another quarantine, another fingerprint and one sample more."""
    one, two = DirectSource(*places), DirectSource(*places)
    write_quarantine(tmp_path / "none.csv", [])
    free = DirectSource(places[0], places[1], tmp_path / "none.csv")
    assert one.fingerprint == two.fingerprint != free.fingerprint
    assert sum(map(free.count, free.patients)) == sum(map(one.count, one.patients)) + 1


def test_a_catalog_without_usable_contours_is_refused(places: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Everybody in quarantine."""
    everyone = [Quarantine("patient", p, "a test", "me", "2026-01-01") for p in DirectSource(*places).patients]
    write_quarantine(tmp_path / "q.csv", everyone)
    with pytest.raises(StoreError, match="no contoured image"):
        DirectSource(places[0], places[1], tmp_path / "q.csv")
