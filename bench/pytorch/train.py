"""Trains the reference step in PyTorch on folders of images, to compare pixcycle with:

    python3 train.py --model cycle_gan --dataroot DIR --size 64 --n_steps 5000 --out DIR [--netG resnet_6blocks --ngf 32 ...]

DIR holds trainA, trainB, testA and testB; for pix2pix the two sides have equal names. With --n_epochs and --n_epochs_decay
the rate follows the reference's, by epochs; with --n_steps it is constant, then falls linearly to zero over the last
--n_steps_decay steps. With --load_size above --size, training images are resized to it and cropped at random: a pair
alike, unpaired images each for itself. --draws takes all that is random, and the rates, from a training of pixcycle's: a
folder that bench/draws.mjs wrote. Writes to --out: net_G*.safetensors (and net_D*), losses.jsonl,
config.json, and images-STEP/fake_B/NAME.png (from testA; for CycleGAN also fake_A from testB).
"""

import argparse
import copy
import json
import math
import pathlib
import random
import sys
import time

import numpy
import torch
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/goldens"))
import safetensors_file  # noqa: E402 (found through the line above)
from reference import make_model  # noqa: E402

EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


def load_folder(folder, size):
    """{name without extension: uint8 tensor [3, size, size]}, in order of names."""
    if not folder.is_dir():
        raise SystemExit(f"no such folder: {folder}")
    images = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in EXTENSIONS:
            image = Image.open(path).convert("RGB")
            if image.size != (size, size):
                image = image.resize((size, size), Image.BICUBIC)
            images[path.stem] = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).contiguous()
    if not images:
        raise SystemExit(f"no images in {folder}")
    return images


def to_network(images):
    return images.float().div(127.5).sub(1)


def save_image(path, image):
    pixels = image.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path)


class Unaligned:
    """A by a shuffled index per epoch, B at random; an epoch has as many samples as the larger side."""

    def __init__(self, A, B, draw):
        self.A, self.B, self.draw = list(A.values()), list(B.values()), draw
        self.order = []

    def sample(self):
        if not self.order:
            self.order = list(range(max(len(self.A), len(self.B))))
            self.draw.shuffle(self.order)
        return self.A[self.order.pop() % len(self.A)], self.draw.choice(self.B)

    def __len__(self):
        return max(len(self.A), len(self.B))

    def augment(self, A, B, size, flips):
        return [augment([image], size, flips, self.draw)[0] for image in (A, B)]


class Aligned:
    """Pairs of equal names, shuffled per epoch."""

    def __init__(self, A, B, draw):
        if A.keys() != B.keys():
            raise SystemExit(f"without a partner: {sorted(A.keys() ^ B.keys())[:10]}")
        self.pairs, self.draw = [(A[name], B[name]) for name in A], draw
        self.order = []

    def sample(self):
        if not self.order:
            self.order = list(range(len(self.pairs)))
            self.draw.shuffle(self.order)
        return self.pairs[self.order.pop()]

    def __len__(self):
        return len(self.pairs)

    def augment(self, A, B, size, flips):
        return augment([A, B], size, flips, self.draw)


def augment(images, size, flips, draw):
    """The same random crop of all images, and the same flip."""
    height, width = images[0].shape[1:]
    top, left = draw.randint(0, height - size), draw.randint(0, width - size)
    flipped = draw.random() < 0.5 and flips
    crops = [image[:, top:top + size, left:left + size] for image in images]
    return [crop.flip(-1) for crop in crops] if flipped else crops


def make_batch(data, count, size, flips):
    samples = [data.augment(*data.sample(), size, flips) for _ in range(count)]
    return [to_network(torch.stack(side)) for side in zip(*samples)]


def rate_factors(arguments, batches):
    """The factor of every step's rate."""
    if arguments.n_steps is None:
        epochs, decay = arguments.n_epochs, arguments.n_epochs_decay
        factors = [1 - max(0, epoch + 1 - epochs) / (decay + 1) for epoch in range(epochs + decay)]
        return [factor for factor in factors for _ in range(batches)]
    steps, decay = arguments.n_steps, arguments.n_steps_decay
    decay = steps // 2 if decay is None else decay
    return [min(1.0, (steps - step) / (decay + 1)) for step in range(steps)]


class RecordedDraws:
    """The two draws of an image pool, from a list of (uniform, slot)."""

    def __init__(self, draws):
        self.draws, self.slot = iter(draws), 0

    def uniform(self):
        uniform, self.slot = next(self.draws)
        return uniform

    def pick(self, _):
        return int(self.slot)


def use_draws(model, folder, steps):
    """Takes weights and the pools' draws from a folder of bench/draws.mjs; returns the rates (of at most `steps`) and the batches."""
    for name, network in model.networks.items():
        network.load_state_dict(safetensors_file.load(folder / f"{name}.safetensors")[0])
    draws = safetensors_file.load(folder / "draws.safetensors")[0]
    rates, size = draws["rates"].tolist(), model.options["pool_size"]
    for name, discriminator in (("pool_B", "net_D_A"), ("pool_A", "net_D_B")):
        if name in draws:  # while a pool fills, nothing is drawn
            recorded = RecordedDraws(draws[name].reshape(-1, 2)[size:].tolist())
            model.pools[discriminator].uniform, model.pools[discriminator].pick = recorded.uniform, recorded.pick
    batches = safetensors_file.load(folder / "batches.safetensors")[0]
    return rates[:steps], lambda step: (batches[f"real_A.{step}"], batches[f"real_B.{step}"])


def write_test_images(model, tests, folder, evaluate):
    """Translates with a copy, so that batch norm's statistics stay those of the training."""
    directions = {"fake_B": ("net_G", "A")} if "net_G" in model.networks else {
        "fake_B": ("net_G_A", "A"), "fake_A": ("net_G_B", "B")}
    for output, (name, side) in directions.items():
        generator = copy.deepcopy(model.networks[name]).train(not evaluate)
        target = folder / output
        target.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            for stem, image in tests[side].items():
                save_image(target / f"{stem}.png", generator(to_network(image[None]))[0])


def save_networks(model, out):
    for name, network in model.networks.items():
        safetensors_file.save(out / f"{name}.safetensors", network.state_dict())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["cycle_gan", "pix2pix"], required=True)
    parser.add_argument("--dataroot", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--load_size", type=int, help="resize training images to this, then crop --size at random (default: --size)")
    parser.add_argument("--draws", type=pathlib.Path, help="start and train as this folder of bench/draws.mjs says")
    parser.add_argument("--n_epochs", type=int, default=100)
    parser.add_argument("--n_epochs_decay", type=int, default=100)
    parser.add_argument("--n_steps", type=int, help="instead of epochs")
    parser.add_argument("--n_steps_decay", type=int, help="default: half of n_steps")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--no_flip", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time-limit", type=float, help="seconds after which to stop and save")
    parser.add_argument("--test_every", type=int, default=1000, help="steps between test images and saved networks")
    parser.add_argument("--phase", default="test", help="folders of the test images, such as dense for denseA and denseB")
    parser.add_argument("--print_every", type=int, default=100)
    parser.add_argument("--eval", action="store_true", help="test images with running statistics and without dropout")
    for name in ("no_dropout", "learn_residual"):
        parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction)
    parser.add_argument("--upsample", choices=["deconv", "resize-conv"])
    for name in ("netG", "netD", "norm", "norm_D", "gan_mode", "init_type"):
        parser.add_argument(f"--{name}")
    for name in ("ngf", "ndf", "n_layers_D", "pool_size"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("lr", "beta1", "init_gain", "lambda_L1", "lambda_A", "lambda_B", "lambda_identity"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.load_size is None:
        arguments.load_size = arguments.size
    if arguments.load_size < arguments.size:
        parser.error(f"--load_size {arguments.load_size} is smaller than --size {arguments.size}")
    return arguments


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)  # the image pools draw from it
    data_only = {"dataroot", "out", "draws", "phase"}
    given = {name: value for name, value in vars(arguments).items() if value is not None and name not in data_only}
    model = make_model(given)
    model.make_optimisers()

    def load(phase, size):
        return {side: load_folder(arguments.dataroot / f"{phase}{side}", size) for side in "AB"}

    train = load("train", arguments.load_size)
    make_data = Aligned if arguments.model == "pix2pix" else Unaligned
    data = make_data(train["A"], train["B"], random.Random(arguments.seed + 1))
    tests = load(arguments.phase, arguments.size)

    if arguments.draws is None:
        factors = rate_factors(arguments, math.ceil(len(data) / arguments.batch_size))
        rates = [model.options["lr"] * factor for factor in factors]

        def next_batch(_step):
            return make_batch(data, arguments.batch_size, arguments.size, not arguments.no_flip)
    else:
        rates, next_batch = use_draws(model, arguments.draws, arguments.n_steps)

    out, steps = arguments.out, len(rates)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps({**model.options, "rates": sorted(set(rates))}, indent=1) + "\n")
    start = time.monotonic()
    with open(out / "losses.jsonl", "w") as log:
        for step in range(1, steps + 1):
            model.set_learning_rate(rates[step - 1])
            model.step(*next_batch(step - 1))
            seconds = time.monotonic() - start
            last = step == steps or (arguments.time_limit is not None and seconds > arguments.time_limit)
            if step % arguments.print_every == 0 or last:
                log.write(json.dumps({"step": step, "seconds": round(seconds, 2), **model.losses}) + "\n")
                log.flush()
                losses = " ".join(f"{name} {value:.3f}" for name, value in model.losses.items())
                print(f"step {step}/{steps} {seconds:.0f} s {losses}", file=sys.stderr, flush=True)
            if step % arguments.test_every == 0 or last:
                save_networks(model, out)
                write_test_images(model, tests, out / f"images-{step:06d}", arguments.eval)
            if last:
                break
    print(json.dumps({"steps": step, "seconds": round(seconds, 1), "images": f"images-{step:06d}", **model.losses}))


if __name__ == "__main__":
    main()
