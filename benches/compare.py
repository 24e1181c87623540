#!/usr/bin/env python3
"""Gapwatch and PyTorch side by side, on the processor and on a card: the tables of docs/PERFORMANCE.md.

    python benches/compare.py presets [--models cnn-bilstm mlp] [--batches 8 32 128] [--rounds 3] [--bytes]
    python benches/compare.py threads [--values 1 2]
    python benches/compare.py batch   [--values 8 16 32 64 128]
    python benches/compare.py size    [--values 64x128 128x256 256x512]
    python benches/compare.py images  [--values 158 315 630 1260]
    python benches/compare.py cards   [--models cnn-bilstm] [--batches 32 128 512] [--rounds 2] [--device cuda:0] [--images 5120]
                                      [--height 128] [--width 256] [--no-compile] [--limits] [--torch-device cpu]

Trains and scores the same number of random images with Adam and dropout in both programs, in turn: Gapwatch, PyTorch in
its plain memory layout, PyTorch channels-last, and again. Each program runs in a process of its own, its first epoch is a
warm-up, and a figure is the median of all other epochs. Prints Markdown as soon as a row is done. The scaling tables
measure Gapwatch alone unless --pytorch is given. Needs `cargo build --release`, and PyTorch in the Python that runs this.

`cards` gives images a second, in float32 and in TF32, beside PyTorch in both layouts and compiled (plain layout); a ratio
above 1 is Gapwatch's. The images are a multiple of the batch. A program that fails is a cell `failed`, and why is said on
stderr. --limits measures first how fast PyTorch copies and multiplies on that card. Needs `make cuda`.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRESETS = ["cnn-bilstm", "cnn-bilstm-no-dropout", "cnn-flat", "cnn-gap", "crnn", "resnet-small", "mlp", "logistic"]
PROGRAMS = ["gapwatch", "nchw", "channels_last"]
TORCH = [sys.executable, str(HERE / "torch_reference.py")]


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
    device: str = "cpu"
    torch_device: str = "cpu"
    tf32: bool = False

    def options(self) -> list[str]:
        names = ["batch", "images", "height", "width", "threads", "epochs"]
        return [word for name in names for word in (f"--{name}", str(getattr(self, name)))]

    def place(self, device: str) -> list[str]:
        """Options of a program that does the work on this device."""
        return [] if device == "cpu" else ["--device", device, *(["--tf32"] if self.tf32 else [])]


@dataclass(frozen=True)
class Figures:
    """Medians over the epochs that are no warm-up; the peak is the process's."""

    train_s: float
    eval_s: float
    peak_mb: float


class Failed(Exception):
    """A program that did not end well: its command and all that it said on stderr."""

    def __init__(self, command: list[str], code: int, stderr: str):
        super().__init__(f"{' '.join(command)}\n{stderr.strip()}")
        self.code = code
        self.lines = stderr.strip().splitlines()

    def why(self) -> str:
        """The last line that names an error, without the stack and the advice around it; else the last line."""
        named = [line for line in self.lines if re.match(r"gapwatch: |[\w.]+(Error|Exception|Exit|Interrupt): ", line)]
        return (named or self.lines or [f"ended with {self.code}"])[-1]


def ended(command: list[str]) -> str:
    """What a program printed, once it has ended well."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(command, done.returncode, done.stderr)
    return done.stdout


def said(command: list[str]) -> list[dict]:
    """The JSON lines of one program."""
    return [json.loads(line) for line in ended(command).splitlines()]


def measure(args: argparse.Namespace, work: Work, programs: list[str], failed: Callable[[str, Failed], None] | None = None) -> dict[str, Figures]:
    """Each program's figures for the same work, the programs taking turns. One that fails ends all, or is told of and left out."""
    bench = [args.gapwatch, "bench", "--model", work.model, *work.options()]
    found: dict[str, list[dict]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as folder:
        module = str(Path(folder) / "model.py")
        if programs != ["gapwatch"]:
            ended([*bench, "--module", module])
        torch = [*TORCH, "speed", "--module", module, *work.options(), *work.place(work.torch_device), *(["--bytes"] if work.pytorch_bytes else [])]
        commands = {
            "gapwatch": [*bench, *work.place(work.device), "--json"],
            "nchw": [*torch, "--layout", "nchw"],
            "channels_last": [*torch, "--layout", "channels_last"],
            "compiled": [*torch, "--layout", "nchw", "--compile"],
        }
        for _ in range(args.rounds):
            for program in list(found):
                try:
                    found[program] += [line for line in said(commands[program]) if not line["warm_up"]]
                except Failed as failure:
                    if failed is None:
                        raise
                    failed(program, failure)
                    del found[program]

    def median(program: str, name: str) -> float:
        return statistics.median(epoch[name] for epoch in found[program])

    return {p: Figures(median(p, "train_s"), median(p, "eval_s"), median(p, "peak_mb")) for p in found}


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


def rates(images: int, figures: dict[str, Figures], compiled: bool) -> list[str]:
    """Of training and scoring: images a second of Gapwatch, PyTorch (plain / channels-last) and compiled, and how often theirs go into ours."""
    cells = []
    for name in ["train_s", "eval_s"]:
        rate = {program: images / max(getattr(found, name), 1e-9) for program, found in figures.items()}

        def cell(program: str) -> str:
            return f"{rate[program]:.0f}" if program in rate else "failed"

        def ratio(*others: str) -> str:
            best = max((rate[other] for other in others if other in rate), default=None)
            return f"{rate['gapwatch'] / best:.2f}" if best and "gapwatch" in rate else "-"

        cells += [cell("gapwatch"), f"{cell('nchw')} / {cell('channels_last')}", ratio("nchw", "channels_last")]
        cells += [cell("compiled"), ratio("compiled")] if compiled else []
    return cells


def limits(device: str) -> None:
    try:
        found = said([*TORCH, "limits", "--device", device])[0]
    except Failed as failure:
        print(f"limits: {failure.why()}", file=sys.stderr)
        return
    print(f"{found['card']}, PyTorch {found['torch']}: copies read and write {found['copy_gb_s']:.0f} GB/s; products of 8192 x 8192 do "
          f"{found['float32_tflop_s']:.1f} TFLOP/s in float32, {found['tf32_tflop_s']:.1f} in TF32.\n", flush=True)


def cards(args: argparse.Namespace) -> None:
    torch_device = args.torch_device or args.device
    if args.limits:
        limits(torch_device)
    programs = PROGRAMS if args.no_compile else [*PROGRAMS, "compiled"]
    beside = ["PyTorch, plain / last", "ratio", *([] if args.no_compile else ["compiled", "ratio"])]
    head(["network", "batch", "precision", "training, images/s", *beside, "scoring, images/s", *beside])
    for model in args.models:
        for batch in args.batches:
            images = max(args.images // batch, 1) * batch
            base = Work(model, batch, images, args.height, args.width, args.threads, args.epochs, device=args.device, torch_device=torch_device)
            for precision, tf32 in [("float32", False), ("TF32", True)]:
                def failed(program: str, failure: Failed) -> None:
                    print(f"{model}, batch {batch}, {precision}, {program}: {failure.why()}", file=sys.stderr, flush=True)

                try:
                    figures = measure(args, replace(base, tf32=tf32), programs, failed)
                except Failed as failure:
                    failed("the network as a module", failure)
                    figures = {}
                row([model, str(batch), precision, *rates(images, figures, not args.no_compile)])


def options(images: int, epochs: int, rounds: int) -> argparse.ArgumentParser:
    """What all modes can be told, with a mode's own defaults."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--gapwatch", default=str(HERE.parent / "target" / "release" / "gapwatch"), help="the executable")
    common.add_argument("--images", type=int, default=images)
    common.add_argument("--threads", type=int, default=2)
    common.add_argument("--epochs", type=int, default=epochs, help="measured epochs of a process, after its warm-up")
    common.add_argument("--rounds", type=int, default=rounds, help="processes of each program")
    return common


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    common = options(images=630, epochs=2, rounds=3)
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
    mode = modes.add_parser("cards", parents=[options(images=5120, epochs=3, rounds=2)], help="images a second on a card")
    mode.add_argument("--models", nargs="+", default=["cnn-bilstm"], metavar="PRESET")
    mode.add_argument("--batches", nargs="+", type=int, default=[32, 128, 512])
    mode.add_argument("--device", default="cuda:0")
    mode.add_argument("--torch-device", metavar="DEVICE", help="PyTorch's, where it is another")
    mode.add_argument("--height", type=int, default=128)
    mode.add_argument("--width", type=int, default=256)
    mode.add_argument("--no-compile", action="store_true", help="without compiled PyTorch, which compiles for minutes")
    mode.add_argument("--limits", action="store_true", help="first what PyTorch reaches on the card in copies and products")
    mode.set_defaults(run=cards)
    args = parser.parse_args()
    try:
        args.run(args)
    except Failed as failure:
        raise SystemExit(str(failure)) from None


if __name__ == "__main__":
    main()
