#!/usr/bin/env python3
"""Classifies the images of a folder with a checkpoint of Gapwatch, in PyTorch.

    python load.py FOLDER [--checkpoint best.safetensors] [--json]

Needs model.py and the checkpoint beside this file, and: pip install torch numpy pillow safetensors
Images are prepared as in training, by what the checkpoint's header says: gray is 0.299 R + 0.587 G + 0.114 B, then
resizing (bilinear, half-pixel centres, float32, no antialiasing), then bytes / 255, then, where the header says
`per_image`, each channel by its own mean and deviation, then (x - mean) / std.
Before that an image is turned upright by its orientation tag, alpha is dropped, of 16 bits the high byte is taken, and of
several pictures in a file the first. Lossless files give the numbers of `gapwatch predict`; JPEG and lossy WebP files are
decoded by another library, so that pixels differ a little.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors import safe_open

from model import Network

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


def load(checkpoint: Path) -> tuple[Network, dict]:
    """The network in evaluation mode, and what the checkpoint's header says."""
    with safe_open(checkpoint, "pt") as file:
        header = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    network = Network()
    network.load_state_dict(weights)
    return network.eval(), header


def planes(path: Path) -> np.ndarray:
    """(1 or 3, H, W) float32, 0 to 255."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I;16") or image.mode == "I":
        return (np.asarray(image).astype(np.uint16) >> 8).astype(np.float32)[None]
    gray = image.mode in ("1", "L", "LA")
    pixels = np.asarray(image.convert("L" if gray else "RGB"), dtype=np.float32)
    return pixels[None] if gray else pixels.transpose(2, 0, 1)


def prepare(path: Path, preprocessing: dict) -> torch.Tensor:
    """(C, H, W) as the network takes it."""
    pixels = planes(path)
    if preprocessing["channels"] == 1 and len(pixels) == 3:
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        pixels = (weights[:, None, None] * pixels).sum(0, keepdims=True)
    x = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    size = (preprocessing["height"], preprocessing["width"])
    if x.shape[2:] != size:
        x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=False)
    x = x[0].expand(preprocessing["channels"], -1, -1) / 255
    if preprocessing.get("per_image"):
        std, mean = torch.std_mean(x, (1, 2), correction=0, keepdim=True)
        x = (x - mean) / torch.where(std < 1e-6, 1, std)
    mean, std = (torch.tensor(preprocessing[key])[:, None, None] for key in ("mean", "std"))
    return (x - mean) / std


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).with_name("best.safetensors"))
    parser.add_argument("--json", action="store_true", help="one JSON document, as `gapwatch predict --json` gives it")
    args = parser.parse_args()

    network, header = load(args.checkpoint)
    classes = json.loads(header["classes"])
    preprocessing = json.loads(header["preprocessing"])
    images = []
    for path in sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        with torch.no_grad():
            logits = network(prepare(path, preprocessing)[None])[0]
        name, best = path.relative_to(args.folder).as_posix(), int(logits.argmax())
        probabilities = logits.softmax(0)
        if args.json:
            images.append({"path": name, "class": classes[best],
                           "probabilities": probabilities.tolist(), "logits": logits.tolist()})
        else:
            print(f"{name}  {classes[best]}  {probabilities[best]:.1%}")
    if args.json:
        json.dump({"classes": classes, "images": images}, sys.stdout)
        print()


if __name__ == "__main__":
    main()
