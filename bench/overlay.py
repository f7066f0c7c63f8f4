"""Overlays against a matplotlib `imshow` and `savefig` per contour, on one real patient (18 images, 27 contours)."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
from harness import DATA, compare
from matplotlib import pyplot as plt

from cmrpipe.catalog import Catalog
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.params import IngestParams, OverlayParams
from cmrpipe.pictures.drawing import robust_window
from cmrpipe.pictures.overlay import Outline, View, picture
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.readers.pixels import decode_pixels
from cmrpipe.samples import patient_samples, read_image
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay

PATIENT = "SCD0000101"


def one_patient(source: Path, patient_id: str, folder: Path) -> Path:
    """A data set of one patient, linked into `folder`."""
    for name in ("link.csv", "contourfiles"):
        (folder / name).symlink_to(source / name)
    (folder / "dicoms").mkdir()
    (folder / "dicoms" / patient_id).symlink_to(source / "dicoms" / patient_id)
    return folder


def main() -> None:
    """Time both on the same patient, in one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--patient", default=PATIENT)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "raw").mkdir()
        raw = one_patient(options.data, options.patient, base / "raw")
        ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent)
        catalog = Catalog(base / "catalog")
        labels = link_patient(catalog, options.patient, catalog_links(catalog).originals[options.patient])
        samples = patient_samples(labels)
        params = OverlayParams(cine=False)
        count = 0

        def with_matplotlib() -> None:
            for sample in samples:
                for contour in (sample.endo, sample.epi):
                    if contour is not None:
                        figure, axes = plt.subplots()
                        path = raw / sample.record.path
                        axes.imshow(decode_pixels(path.read_bytes(), path), cmap="gray")
                        axes.plot(contour.points[:, 0], contour.points[:, 1])
                        figure.savefig(base / f"{sample.record.file_number}-{contour.kind}.png")
                        plt.close(figure)

        def pictures() -> None:
            for sample in samples:
                pixels = read_image(sample.record, raw)
                outlines = tuple(Outline(contour) for contour in (sample.endo, sample.epi) if contour is not None)
                window = robust_window(pixels, params.window_percentiles)
                view = View(sample.record, pixels, window, outlines, sample.record.file_number, sample.phase)
                (base / f"{sample.record.file_number}.png").write_bytes(picture(view, labels.original_ids, params))

        write_quarantine(base / "none.csv", [])

        def stage() -> None:
            nonlocal count
            count += 1
            out = base / f"overlays{count}"  # a new folder, or the stage would find nothing to do
            overlay(raw, base / "catalog", base, base / "none.csv", out, params, listen=silent, workers=1)

        compare(
            f"overlays of {options.patient}: {len(samples)} images, one process",
            {
                "matplotlib, a picture a contour": with_matplotlib,
                "cmrpipe, a picture an image with both contours": pictures,
                "cmrpipe, the stage: picture, strip, manifest": stage,
            },
            reference="matplotlib, a picture a contour",
            rounds=options.rounds,
        )


if __name__ == "__main__":
    main()
