#!/usr/bin/env python3
"""Gapwatch and PyTorch side by side: the tables of docs/PERFORMANCE.md.

    python benches/compare.py presets [--models cnn-bilstm mlp] [--batches 8 32 128] [--rounds 3] [--bytes]
    python benches/compare.py threads [--values 1 2]
    python benches/compare.py batch   [--values 8 16 32 64 128]
    python benches/compare.py size    [--values 64x128 128x256 256x512]
    python benches/compare.py images  [--values 158 315 630 1260]

Trains and scores the same number of random images with Adam and dropout in both programs, in turn: Gapwatch, PyTorch in
its plain memory layout, PyTorch channels-last, and again. Each program runs in a process of its own, its first epoch is a
warm-up, and a figure is the median of all other epochs. Prints Markdown as soon as a row is done. The scaling tables
measure Gapwatch alone unless --pytorch is given. Needs `cargo build --release`, and PyTorch in the Python that runs this.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRESETS = ["cnn-bilstm", "cnn-bilstm-no-dropout", "cnn-flat", "cnn-gap", "crnn", "resnet-small", "mlp", "logistic"]
PROGRAMS = ["gapwatch", "nchw", "channels_last"]


@dataclass(frozen=True)
class Work:
    """What is trained and scored."""

    model: str
    batch: int = 32
    images: int = 630
    height: int = 128
    width: int = 256
    threads: int = 2
    epochs: int = 2
    pytorch_bytes: bool = False

    def options(self) -> list[str]:
        names = ["batch", "images", "height", "width", "threads", "epochs"]
        return [word for name in names for word in (f"--{name}", str(getattr(self, name)))]


@dataclass(frozen=True)
class Figures:
    """Medians over the epochs that are no warm-up; the peak is the process's."""

    train_s: float
    eval_s: float
    peak_mb: float


def epochs(command: list[str]) -> list[dict]:
    """The measured epochs of one program."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr.strip()}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if not line["warm_up"]]


def measure(args: argparse.Namespace, work: Work, programs: list[str]) -> dict[str, Figures]:
    """Each program's figures for the same work, the programs taking turns."""
    bench = [args.gapwatch, "bench", "--model", work.model, *work.options()]
    found: dict[str, list[dict]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as folder:
        module = str(Path(folder) / "model.py")
        if programs != ["gapwatch"]:
            subprocess.run([*bench, "--module", module], check=True)
        torch = [sys.executable, str(HERE / "torch_reference.py"), "speed", "--module", module, *work.options(), *(["--bytes"] if work.pytorch_bytes else [])]
        for _ in range(args.rounds):
            for program in programs:
                command = [*bench, "--json"] if program == "gapwatch" else [*torch, "--layout", program]
                found[program] += epochs(command)

    def median(program: str, name: str) -> float:
        return statistics.median(epoch[name] for epoch in found[program])

    return {p: Figures(median(p, "train_s"), median(p, "eval_s"), median(p, "peak_mb")) for p in programs}


def row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def head(cells: list[str]) -> None:
    row(cells)
    print("|" + "---|" * len(cells), flush=True)


def compared(figures: dict[str, Figures]) -> list[str]:
    """Of training, scoring and memory: Gapwatch, PyTorch (plain / channels-last), and how often ours goes into its better one."""
    cells = []
    for name, form in [("train_s", "{:.2f}"), ("eval_s", "{:.2f}"), ("peak_mb", "{:.0f}")]:
        ours, plain, last = (getattr(figures[program], name) for program in PROGRAMS)
        best = min(plain, last)
        cells += [form.format(ours), f"{form.format(plain)} / {form.format(last)}", f"{best / max(ours, 1e-9):.1f}"]
    return cells


COMPARED = ["training, s", "PyTorch, plain / last", "ratio", "scoring, s", "PyTorch, plain / last", "ratio",
            "peak, MB", "PyTorch, plain / last", "ratio"]


def presets(args: argparse.Namespace) -> None:
    head(["network", "batch", *COMPARED])
    for model in args.models:
        for batch in args.batches:
            work = Work(model, batch, images=args.images, threads=args.threads, epochs=args.epochs, pytorch_bytes=args.bytes)
            row([model, str(batch), *compared(measure(args, work, PROGRAMS))])


def scaling(args: argparse.Namespace) -> None:
    base = Work(args.model, images=args.images, threads=args.threads, epochs=args.epochs)
    programs = PROGRAMS if args.pytorch else ["gapwatch"]
    columns = COMPARED if args.pytorch else ["training, s", "scoring, s", "peak, MB"]
    head([args.mode, *columns, "training, ms an image", "training, ns a pixel"])
    for value in args.values:
        if args.mode == "size":
            height, width = (int(side) for side in value.split("x"))
            work = replace(base, height=height, width=width)
        else:
            work = replace(base, **{args.mode: int(value)})
        figures = measure(args, work, programs)
        ours = figures["gapwatch"]
        cells = compared(figures) if args.pytorch else [f"{ours.train_s:.2f}", f"{ours.eval_s:.2f}", f"{ours.peak_mb:.0f}"]
        an_image = ours.train_s / work.images
        a_pixel = an_image / (work.height * work.width)
        row([value, *cells, f"{1e3 * an_image:.2f}", f"{1e9 * a_pixel:.1f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--gapwatch", default=str(HERE.parent / "target" / "release" / "gapwatch"), help="the executable")
    common.add_argument("--images", type=int, default=630)
    common.add_argument("--threads", type=int, default=2)
    common.add_argument("--epochs", type=int, default=2, help="measured epochs of a process, after its warm-up")
    common.add_argument("--rounds", type=int, default=3, help="processes of each program")
    mode = modes.add_parser("presets", parents=[common], help="every preset and batch size against PyTorch")
    mode.add_argument("--models", nargs="+", default=PRESETS, metavar="PRESET")
    mode.add_argument("--batches", nargs="+", type=int, default=[8, 32, 128])
    mode.add_argument("--bytes", action="store_true", help="PyTorch, too, makes float32 of bytes batch by batch")
    mode.set_defaults(run=presets)
    for name, values in [("threads", ["1", "2"]), ("batch", ["8", "16", "32", "64", "128"]),
                         ("size", ["64x128", "128x256", "256x512"]), ("images", ["158", "315", "630", "1260"])]:
        mode = modes.add_parser(name, parents=[common], help=f"how time and memory go with the {name}")
        mode.add_argument("--values", nargs="+", default=values)
        mode.add_argument("--model", default="cnn-bilstm", metavar="PRESET")
        mode.add_argument("--pytorch", action="store_true", help="PyTorch beside it")
        mode.set_defaults(run=scaling)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
