#!/usr/bin/env python3
"""What a training step asks of a card: kernels, products, copies, and the bytes of its memory that they read and write.

    python benches/card_profile.py [--model cnn-bilstm] [--batch 32] [--height 128] [--width 256] [--tf32] [--gapwatch FILE]

Counted by the card in software (tests/card/), so no card is needed, and nothing is said about time. A step is the difference
between training of two steps and of one. Needs `make test-card`, which builds both.
"""
import argparse
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARD = ROOT / "target" / "card"


def counts(args: argparse.Namespace, epochs: int) -> dict[str, tuple[int, int]]:
    """How often and on how many bytes a program that trains for so many epochs of one step had each thing done."""
    command = [args.gapwatch, "bench", "--device", "cuda:0", "--train-only", "--model", args.model, *(["--tf32"] if args.tf32 else [])]
    for name, value in [("epochs", epochs), ("images", args.batch), ("batch", args.batch), ("height", args.height), ("width", args.width)]:
        command += [f"--{name}", str(value)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        given = {"CARD_REPORT": str(report), "CARD_CACHE": str(CARD / "kernels"), "LD_LIBRARY_PATH": str(CARD), "CARD_MEMORY": str(1 << 33)}
        subprocess.run(command, check=True, env=os.environ | given, stdout=subprocess.DEVNULL)
        lines = [line.split("\t") for line in report.read_text().splitlines()]
    return {what: (int(times), int(size)) for what, times, size in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gapwatch", default=str(ROOT / "target" / "release" / "gapwatch"), help="the executable, built for cards")
    parser.add_argument("--model", default="cnn-bilstm", metavar="PRESET")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--tf32", action="store_true")
    args = parser.parse_args()
    one, two = counts(args, 1), counts(args, 2)
    step = {what: [number - before for number, before in zip(two[what], one.get(what, (0, 0)))] for what in two}
    memory = max(size for what, (_, size) in two.items() if what.startswith("card "))
    print("| what | times a step | MB of the card's memory |\n|---|---|---|")
    for what, (times, size) in sorted(step.items(), key=lambda row: -row[1][1]):
        if times > 0 and what != "piece of memory":
            print(f"| {what} | {times} | {size / 1e6:.2f} |")
    started = sum(times for what, (times, _) in step.items() if what.startswith(("kernel", "product", "convolution")))
    moved = sum(size for what, (_, size) in step.items() if what != "piece of memory")
    print(f"\n{started} kernels, products and convolutions, {moved / 1e6:.0f} MB a step; {memory / 1e6:.0f} MB at the most are taken.")


if __name__ == "__main__":
    main()
