#!/usr/bin/env python3
"""Holds Gapwatch's predictions against PyTorch's: the generated model.py and load.py give the numbers of `gapwatch predict`.

    python tests/parity.py target/release/gapwatch

Trains every preset, and a network with every kind of layer, for one epoch on small generated images; then classifies
images of many sizes and formats with both. Logits of lossless files may differ by 1e-4; JPEG and lossy WebP files are
decoded by different libraries, and their difference is printed beside a looser bound. Then the question's own module (benches/torch_reference.py)
loads best.safetensors of preset cnn-bilstm as it is.
Needs: pip install torch numpy pillow safetensors
"""
import argparse
import importlib.util
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

LOSSLESS_TOLERANCE = 1e-4
LOSSY_TOLERANCE = 0.05
CLASSES = ["a", "b", "c"]
PRESETS = ["cnn-flat", "cnn-bilstm", "cnn-bilstm-no-dropout", "cnn-gap", "crnn", "resnet-small", "mlp", "logistic"]

EVERY_LAYER = """[
  { conv2d = { out = 6, kernel = [3, 5], stride = [1, 2], padding = [1, 2], bias = false } },
  { batch_norm = { eps = 0.001, momentum = 0.3 } }, { relu = {} },
  { max_pool = { kernel = 3, stride = 2, padding = 1 } },
  { name = "part.a.conv", conv2d = { out = 8, kernel = 3 } },
  { group_norm = { groups = 4 } }, { gelu = {} },
  { avg_pool = { kernel = 2, stride = 1, padding = 1, count_include_pad = false } },
  { name = "part.block", residual = { layers = [
    { conv2d = { out = 20, kernel = 3, padding = 1 } }, { batch_norm = {} }, { relu = {} },
    { residual = { layers = [{ group_norm = { groups = 5 } }, { gelu = {} }, { conv2d = { out = 20, kernel = 1 } }] } },
  ], shortcut = [{ name = "match", conv2d = { out = 20, kernel = 1 } }] } }, { relu = {} },
  { residual = { layers = [{ dropout = { p = 0.5 } }] } },
  { adaptive_avg_pool = { out = [5, 7] } }, { adaptive_max_pool = { out = [3, 4] } }, { dropout = { p = 0.5 } },
  { name = "part.b", sequence = { of = "columns" } },
  { name = "rnn", lstm = { hidden = 5, layers = 2, bidirectional = true } }, { last_step = {} },
  { linear = { out = 12, bias = false } }, { batch_norm = {} }, { relu = {} },
  { sequence = { of = "one" } }, { lstm = { hidden = 7 } }, { name = "part.c", gru = { hidden = 6, layers = 2, bidirectional = true } }, { flatten = {} }, { name = "out", linear = {} },
]"""


def write_images(root: Path) -> None:
    """Training and validation images, and in `mixed` one of each format and of odd sizes."""
    random = np.random.default_rng(1)
    for split, count in (("train", 6), ("val", 2)):
        for i, name in enumerate(CLASSES):
            folder = root / "data" / split / name
            folder.mkdir(parents=True)
            for n in range(count):
                pixels = random.integers(0, 200, (40, 72, 3)) + 20 * i
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{n}.png")

    mixed = root / "mixed"
    (mixed / "below").mkdir(parents=True)
    for height, width in ((40, 72), (32, 64), (7, 5), (1, 1), (133, 61), (64, 128)):
        # Smooth, as photographs are: JPEG keeps little of noise.
        noise = random.integers(0, 256, (4, 8, 4)).astype(np.uint8)
        colour = Image.fromarray(noise, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
        stem = f"{height}x{width}"
        colour.save(mixed / f"{stem}-rgba.png")
        colour.convert("RGB").save(mixed / f"{stem}-rgb.png")
        colour.convert("L").save(mixed / "below" / f"{stem}-gray.png")
        colour.convert("LA").save(mixed / f"{stem}-gray-alpha.png")
        colour.convert("RGB").quantize(16).save(mixed / f"{stem}-palette.png")
        colour.convert("1").save(mixed / f"{stem}-bit.png")
        deep = random.integers(0, 65536, (height, width)).astype(np.uint16)
        Image.fromarray(deep).save(mixed / f"{stem}-deep.png")
        colour.convert("RGB").save(mixed / f"{stem}-rgb.jpg", quality=90)
        colour.convert("RGB").save(mixed / f"{stem}-444.jpg", quality=90, subsampling=0)
        colour.convert("L").save(mixed / f"{stem}-gray.jpeg", quality=90)
        write_more_formats(mixed, stem, colour)


def write_more_formats(mixed: Path, stem: str, colour: Image.Image) -> None:
    """BMP, GIF, TIFF and WebP in their kinds, 16 bits of several channels, and every orientation tag."""
    rgb, gray = colour.convert("RGB"), colour.convert("L")
    rgb.save(mixed / f"{stem}.bmp")
    gray.save(mixed / f"{stem}-gray.bmp")
    rgb.quantize(16).save(mixed / f"{stem}-palette.bmp")
    colour.convert("1").save(mixed / f"{stem}-bit.bmp")
    rgb.quantize(64).save(mixed / f"{stem}.gif")
    rgb.quantize(64).save(mixed / f"{stem}-moving.gif", save_all=True, append_images=[gray.quantize(8)], duration=50)
    rgb.quantize(64).save(mixed / f"{stem}-clear.gif", transparency=3)
    for name, image in (("rgb", rgb), ("rgba", colour), ("gray", gray), ("bit", colour.convert("1"))):
        image.save(mixed / f"{stem}-{name}.tif")
        image.save(mixed / f"{stem}-{name}-packed.tiff", compression="tiff_lzw")
    rgb.save(mixed / f"{stem}-pages.tif", save_all=True, append_images=[gray])
    rgb.save(mixed / f"{stem}-rgb-lossless.webp", lossless=True)
    colour.save(mixed / f"{stem}-rgba-lossless.webp", lossless=True, exact=True)
    rgb.save(mixed / f"{stem}-lossy.webp", quality=90)
    deep = np.asarray(gray).astype(np.uint16) * 257 + 3
    Image.fromarray(deep).save(mixed / f"{stem}-deep.tif")
    for channels in (2, 3, 4):
        (mixed / f"{stem}-deep-{channels}.png").write_bytes(deep_png(np.repeat(deep[:, :, None], channels, 2)))
    for tag in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = tag
        rgb.save(mixed / f"{stem}-turned-{tag}.jpg", quality=90, exif=exif)
        rgb.save(mixed / f"{stem}-turned-{tag}.png", exif=exif)
        rgb.save(mixed / f"{stem}-turned-{tag}.webp", lossless=True, exif=exif)
        rgb.save(mixed / f"{stem}-turned-{tag}.tif", tiffinfo={0x0112: tag})
    exif[0x0112] = 6
    Image.fromarray(deep).save(mixed / f"{stem}-deep-turned.png", exif=exif)


def deep_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, which Pillow writes in gray only. (H, W, 2 to 4) uint16."""
    height, width, channels = pixels.shape
    pixels = (pixels + 257 * 40 * np.arange(channels)).astype(">u2")

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def run(command: list) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def logits(document: str) -> dict[str, np.ndarray]:
    return {image["path"]: np.array(image["logits"]) for image in json.loads(document)["images"]}


def compare(ours: dict, theirs: dict, title: str) -> bool:
    if ours.keys() != theirs.keys():
        print(f"{title}: not the same images: {sorted(ours.keys() ^ theirs.keys())}")
        return False
    apart, tolerance = defaultdict(float), {}
    for path, mine in ours.items():
        lossy = path.endswith(("jpg", "jpeg", "lossy.webp"))
        kind = path.rsplit(".", 1)[1].replace("jpeg", "jpg").replace("tiff", "tif") + ("~" if lossy else "")
        difference = float(np.abs(mine - theirs[path]).max())
        apart[kind] = max(apart[kind], difference)
        tolerance[kind] = LOSSY_TOLERANCE if lossy else LOSSLESS_TOLERANCE
        if difference > tolerance[kind]:
            print(f"  {path}: {difference:.1e} apart")
    right = all(apart[kind] <= tolerance[kind] for kind in apart)
    shown = "  ".join(f"{kind} {apart[kind]:.0e}" for kind in sorted(apart))
    print(f"{title:32} {len(ours)} images: {shown}  {'ok' if right else 'TOO FAR'}")
    return right


def questions_own_module(checkpoint: Path, folder: Path) -> dict[str, np.ndarray]:
    """The logits of the module in benches/torch_reference.py, images prepared as load.py does."""
    def load(name: str, path: Path):
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    reference = load("reference", Path(__file__).parent.parent / "benches" / "torch_reference.py")
    load("model", checkpoint.with_name("model.py"))
    ours = load("load", checkpoint.with_name("load.py"))
    import torch

    _, header = ours.load(checkpoint)
    network = reference.ConvNet(len(CLASSES))
    from safetensors.torch import load_file

    network.load_state_dict(load_file(checkpoint))
    network.eval()
    preprocessing = json.loads(header["preprocessing"])
    answers = {}
    for path in sorted(folder.rglob("*.*")):
        with torch.no_grad():
            answers[path.relative_to(folder).as_posix()] = network(ours.prepare(path, preprocessing)[None])[0].numpy()
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gapwatch", type=Path, help="the executable")
    parser.add_argument("--only", metavar="NAME", help="one of the networks, such as cnn-flat")
    args = parser.parse_args()
    right = True
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        write_images(root)
        small = ["--set", "input.height=32", "--set", "input.width=64"]
        runs = [(name, ["--model", name, *small]) for name in PRESETS]
        runs.append(("every kind of layer", ["--set", f"model.layers={EVERY_LAYER}", *small]))
        runs.append(("gray input", ["--model", "cnn-flat", "--set", "input.channels=1", *small]))
        runs.append(("cnn-bilstm at 128 x 256",
                     ["--model", "cnn-bilstm", "--set", "input.height=128", "--set", "input.width=256"]))
        if args.only:
            runs = [(title, settings) for title, settings in runs if title == args.only] or sys.exit(f"no {args.only}")
        for title, settings in runs:
            out = root / title.replace(" ", "-")
            run([args.gapwatch, "train", "--data", root / "data", *settings, "--set", "train.epochs=1", "--out", out])
            checkpoint = out / "best.safetensors"
            ours = logits(run([args.gapwatch, "predict", "--checkpoint", checkpoint, "--data", root / "mixed", "--json"]))
            theirs = logits(run([sys.executable, out / "load.py", root / "mixed", "--checkpoint", checkpoint, "--json"]))
            right &= compare(ours, theirs, title)
        if not args.only:
            module = questions_own_module(checkpoint, root / "mixed")
            right &= compare(ours, module, "the question's own module, strict")
    sys.exit(0 if right else "the predictions are further apart than they may be")


if __name__ == "__main__":
    main()
