"""MMSA trains one of its networks, with its own settings for MOSI, on the processor."""

from __future__ import annotations

import logging
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.compared.stopwatch import finish, job


class EpochTimes(logging.Handler):
    """When each epoch's line came: MMSA writes one that begins with TRAIN, and the evaluations after it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Notes the time of an epoch's line."""
        if record.getMessage().startswith("TRAIN"):
            self.begun.append(time.perf_counter())


def main() -> None:
    """Trains the network `network` once. `MMSA_run` itself needs a graphics card (it calls
    `torch.cuda.set_device`), so this calls what it calls for each seed.
    """
    asked = job()
    from MMSA import run
    from MMSA.config import get_config_regression
    from MMSA.utils import setup_seed

    inputs, times = asked["inputs"], EpochTimes()
    log = logging.getLogger("MMSA")
    log.setLevel(logging.INFO)
    log.addHandler(times)
    config = Path(run.__file__).parent / "config" / "config_regression.json"
    args = get_config_regression(inputs["network"], "mosi", config)
    with tempfile.TemporaryDirectory() as folder:
        args.update(
            device="cpu",
            train_mode="regression",
            custom_feature=str(_written(Path(inputs["path"]), Path(folder))),
            feature_T="",
            feature_A="",
            feature_V="",
            cur_seed=1,
            model_save_path=Path(folder) / "model.pth",
            batch_size=inputs["batch_size"],
            early_stop=inputs["patience"],
        )
        setup_seed(1111)
        began = time.perf_counter()
        run._run(args, num_workers=0)
        seconds = time.perf_counter() - began
    epochs = len(times.begun)
    warm = [b - a for a, b in zip(times.begun, times.begun[1:], strict=False)]
    said = {"detail": f"{seconds:.1f} s for {epochs} epochs"}
    finish(asked, time.time() - asked["began"], warm, ("MMSA", "torch"), [said])


def _written(arrays: Path, folder: Path) -> Path:
    """The arrays as MMSA wants them: a pickle, which nothing here reads but MMSA."""
    import numpy as np

    found, parts = np.load(arrays), {}
    for part in ("train", "valid", "test"):
        text, audio, vision = (found[f"{part}_{name}"] for name in ("text", "audio", "vision"))
        one: dict[str, Any] = {"text": text, "audio": audio, "vision": vision}
        one["regression_labels"] = found[f"{part}_label"]
        one["id"] = one["raw_text"] = [f"{part}{i}" for i in range(len(text))]
        one["audio_lengths"], one["vision_lengths"] = (
            [audio.shape[1]] * len(text),
            [vision.shape[1]] * len(text),
        )
        parts[part] = one
    path = folder / "features.pkl"
    path.write_bytes(pickle.dumps(parts))
    return path


if __name__ == "__main__":
    main()
