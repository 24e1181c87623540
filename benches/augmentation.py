"""What augmentation and regularisation do to the gap: trains each setting on each dataset and prints a table.

    python benches/augmentation.py --gapwatch target/release/gapwatch --out runs data/random data/speaker

Every run's folder keeps its history.json; a run that is there already is not trained again, so that a table which was cut
short goes on. The figures are those of the last epoch, in evaluation mode, on the images as they are. Intervals: Wilson's
for an accuracy, Newcombe's (1998, method 10) for the gap, 95 %.
"""

import argparse
import json
import math
import pathlib
import subprocess

SPECTROGRAMS = ["augment.shift_horizontal=0.1", "augment.noise=0.03", "augment.time_mask=0.2", "augment.frequency_mask=0.2"]
DECAY = ["train.optimizer={kind=\"adamw\", lr=0.001, weight_decay=0.05}"]
SMOOTHING = ["train.label_smoothing=0.1"]
MIXUP = ["augment.mixup=0.2"]
SETTINGS = {
    "nothing": [],
    "weight decay 0.05 (AdamW)": DECAY,
    "label smoothing 0.1": SMOOTHING,
    "mixup 0.2": MIXUP,
    "preset spectrograms": SPECTROGRAMS,
    "spectrograms, mixup": SPECTROGRAMS + MIXUP,
    "spectrograms, mixup, decay, smoothing": SPECTROGRAMS + MIXUP + DECAY + SMOOTHING,
}
Z = 1.959963985


def wilson(correct, n):
    """The 95 % interval of a proportion (Wilson 1927)."""
    p = correct / n
    middle = p + Z * Z / (2 * n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    whole = 1 + Z * Z / n
    return (middle - half) / whole, (middle + half) / whole


def gap(train, other):
    """Training accuracy minus the other's, with its 95 % interval."""
    (p, q), (n, m) = (train["accuracy"], other["accuracy"]), (train["n"], other["n"])
    (p_low, p_high), (q_low, q_high) = wilson(train["correct"], n), wilson(other["correct"], m)
    below = math.hypot(p - p_low, q_high - q)
    above = math.hypot(p_high - p, q - q_low)
    return p - q, p - q - below, p - q + above


def percent(value, low, high):
    return f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def history(arguments, data, name, settings):
    """The history of one run, which is trained where it is not there."""
    words = "-".join(filter(None, ("".join(c if c.isalnum() else " " for c in name)).split()))
    folder = arguments.out / f"{data.name}-{words}-{arguments.seed}"
    file = folder / "history.json"
    done = file.exists() and json.loads(file.read_text())["run"]["status"] == "finished"
    if not done:
        size = [f"input.height={arguments.height}", f"input.width={arguments.width}"]
        chosen = [*size, f"train.epochs={arguments.epochs}", f"train.seed={arguments.seed}", "train.early_stopping=false", *settings]
        command = [arguments.gapwatch, "train", "--data", data, "--model", arguments.model, "--out", folder, "--json"]
        subprocess.run(command + [part for one in chosen for part in ("--set", one)], check=True, stdout=subprocess.DEVNULL)
    return json.loads(file.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--gapwatch", default="target/release/gapwatch")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("--model", default="cnn-flat")
    parser.add_argument("--height", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print("| dataset | setting | training % | validation % | test % | gap to validation, points | s an epoch |")
    print("|---|---|---|---|---|---|---|")
    for data in arguments.data:
        for name, settings in SETTINGS.items():
            epochs = history(arguments, data, name, settings)["epochs"]
            last = epochs[-1]
            cells = [percent(last[s]["accuracy"], *wilson(last[s]["correct"], last[s]["n"])) for s in ("train", "val", "test")]
            seconds = sorted(epoch["seconds"] for epoch in epochs)[len(epochs) // 2]
            row = [data.name, name, *cells, percent(*gap(last["train"], last["val"])), f"{seconds:.2f}"]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
