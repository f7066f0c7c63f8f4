"""Short trainings on drawn hearts."""

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
