"""Networks held against each other, each trained for the same time: two patients of `final_data`, three to learn from.

python bench/networks.py --seconds 150
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from harness import DATA, print_table

from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.datasets import TrainingSet
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import Model
from cmrpipe.learn.training import architecture, augmentation, fit, preprocessing
from cmrpipe.params import IngestParams, StoreParams, TrainParams, ValidateParams
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.stages.validate import validate
from cmrpipe.store import Store, open_store

JUDGED = ("SCD0000101", "SCD0000201")
RECIPES = {
    "residual, 16 to 256 channels (default)": TrainParams(),
    "residual, 32 to 512": TrainParams(channels=(32, 64, 128, 256, 512)),
    "basic, 16 to 256": TrainParams(network="basic"),
    "vanilla, 64 to 1024": TrainParams(network="vanilla"),
}


def trained(store: Store, patients: list[str], params: TrainParams) -> tuple[Model, float]:
    """A model of these patients, and the seconds that it took."""
    samples = TrainingSet(store, patients, preprocessing(params), augmentation(params), params.seed, params.whole)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        found = fit(samples, None, params, Path(work), listen=silent)
    took = time.perf_counter() - start
    nobody = np.zeros((0, 16), np.uint8)
    return Model(architecture(params), found.weights, preprocessing(params), tuple(patients), (), nobody, {}), took


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150.0, help="of training, each")
    parser.add_argument("--only", default="", help="the network whose name begins so")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = [["network", "parameters, million", "steps", "seconds", "Dice, cavity", "Dice, myocardium"]]
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        ingest(DATA, base / "catalog", base / "state", IngestParams(), listen=silent)
        quarantine = base / "quarantine.csv"
        validate(DATA, base / "catalog", base / "findings", quarantine, ValidateParams(), listen=silent)
        store_stage(DATA, base / "catalog", quarantine, base / "store", StoreParams(), listen=silent)
        with open_store(base / "store") as store:
            others = [patient for patient in store.patients if patient not in JUDGED]
            for title, recipe in RECIPES.items():
                if not title.startswith(args.only):
                    continue
                an_epoch = -(-sum(map(store.count, others)) // recipe.batch_size)
                _, took = trained(store, others, recipe.model_copy(update={"epochs": 1}))
                epochs = max(1, round(args.seconds / took))
                params = recipe.model_copy(update={"epochs": epochs, "steps": epochs * an_epoch})
                model, seconds = trained(store, others, params)
                predictor, scores = Predictor(model, 16, "cpu"), []
                for patient in JUDGED:
                    data = store.load(patient)
                    labels = predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px)
                    scores += score_patient(data, labels)
                told = [
                    np.mean([s.figures[name] for s in scores if s.figures[name] is not None])
                    for name in ("dice_cavity", "dice_myocardium")
                ]
                size = sum(value.numel() for value in model.weights.values()) / 1e6
                rows.append([title, f"{size:.1f}", str(params.steps), f"{seconds:.0f}", *(f"{v:.3f}" for v in told)])
    print_table(rows)


if __name__ == "__main__":
    main()
