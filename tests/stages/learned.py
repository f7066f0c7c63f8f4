"""Short trainings on drawn hearts."""

from pathlib import Path

from cmrpipe.params import EvaluateParams, TrainParams

QUICK = TrainParams(
    image_size=32,
    pixel_mm=1.5,
    channels=(8, 16, 32),
    batch_size=4,
    epochs=14,
    val_fraction=0.25,
    learning_rate=0.01,
    patience=12,
)
BRIEF = QUICK.model_copy(update={"epochs": 1, "channels": (2, 4)})
JUDGE = EvaluateParams(threads=1)


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith(".")
    }
