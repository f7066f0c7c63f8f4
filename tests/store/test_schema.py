"""What a patient's file holds, whatever holds it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.model import Phase
from cmrpipe.store.schema import (
    PHASE,
    SCHEMA_VERSION,
    PatientData,
    StoreFormat,
    head,
    index_file,
    lineage_array,
    patient_data,
    patient_file,
)
from tests.learn.hearts import make_patient


def patient() -> PatientData:
    """Four images, of phases in an order of their own."""
    phases = (Phase.ES, Phase.OTHER, Phase.ED, Phase.ES)
    whole = replace(make_patient("A", 0), phase=phases)
    return replace(whole, pixel_spacing_mm=(1.25, 1.5), slice_gap_mm=8.0, heart_px=(20.0, 31.5))


@pytest.mark.parametrize(
    "name", ["label", "contours", "instance_number", "slice_index", "frame", "position_mm", "orientation", "phase"]
)
def test_an_entry_a_sample_or_it_is_none(name: str) -> None:
    """What is one short, or has a column too few, is refused by its name."""
    whole = patient()
    values = getattr(whole, name)
    with pytest.raises(ValueError, match="patient A: .*phases" if name == "phase" else f"patient A: {name} has shape"):
        replace(whole, **{name: values[:-1]})
    if name != "phase" and values.ndim > 1:
        with pytest.raises(ValueError, match=f"patient A: {name} has shape"):
            replace(whole, **{name: values[..., :-1]})


def test_images_are_a_stack() -> None:
    """One image alone has no place."""
    whole = patient()
    with pytest.raises(ValueError, match="images"):
        replace(whole, image=whole.image[:, 0], label=whole.label[:, 0])


@pytest.mark.parametrize("known", [True, False])
def test_what_was_stored_comes_back(known: bool) -> None:
    """Arrays and attributes as they are, through JSON; what is not known stays so."""
    whole = patient() if known else replace(patient(), pixel_spacing_mm=None, slice_gap_mm=None, heart_px=None)
    attributes = json.loads(json.dumps(whole.attributes()))
    assert (attributes["schema_version"], "heart_px" in attributes) == (SCHEMA_VERSION, known)
    back = patient_data(whole.arrays(), attributes)
    assert (back.patient_id, back.phase, len(back)) == ("A", whole.phase, 4)
    for name in ("pixel_spacing_mm", "slice_gap_mm", "heart_px"):
        assert getattr(back, name) == getattr(whole, name)
    assert all(np.array_equal(back.arrays()[key], array, equal_nan=True) for key, array in whole.arrays().items())


def test_phases_are_those_that_the_file_lists() -> None:
    """Not those of this version, whose order may be another."""
    whole = patient()
    attributes = whole.attributes() | {"phases": [Phase.ED.value, Phase.ES.value, Phase.OTHER.value]}
    codes = np.array([1, 2, 0, 1], np.uint8)
    assert patient_data(whole.arrays() | {PHASE: codes}, attributes).phase == whole.phase


def test_lineage_is_the_same_bytes_in_any_order() -> None:
    """Text as it is; what is no number is refused."""
    one, other = {"b": "ü", "a": [1, 2.5]}, {"a": [1, 2.5], "b": "ü"}
    assert bytes(lineage_array(one)) == bytes(lineage_array(other)) == '{"a": [1, 2.5], "b": "ü"}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        lineage_array({"a": float("nan")})


@pytest.mark.parametrize(
    ("kind", "file", "index"),
    [
        (StoreFormat.HDF5, "patients/A.h5", "index.h5"),
        (StoreFormat.ZARR, "patients/A.zarr.zip", "index.json"),
    ],
)
def test_a_store_says_what_it_is(kind: StoreFormat, file: str, index: str) -> None:
    """Its files by their names, its schema, and whether its patients are a phantom's."""
    assert (patient_file("A", kind), index_file(kind)) == (file, index)
    for synthetic in (True, False):
        assert head(kind, synthetic=synthetic) == {
            "schema_version": SCHEMA_VERSION,
            "format": kind.value,
            "synthetic": synthetic,
        }
