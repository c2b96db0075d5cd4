"""Compares `pixcycle step` with step.py --float64 on random configurations:

    npm run bench:fuzz -- [--count 15] [--seed 0] [--steps 3] [--redraws 5] [--only NUMBER] [--conv winograd]

Needs `npm run build`. Prints a line for each configuration and the worst differences of losses (relative where above 1)
and of the change of a network's weights (relative norm). Dropout and the penalty of wgangp are off: their draws are random.

Adam's epsilon is large, as in the goldens: with a small one a gradient that is nothing but rounding moves its weight by the
whole rate, in either direction. A ReLU within rounding of zero makes a correct program in float32 stray from float64, too: weights
and images are drawn again, up to --redraws times, where PyTorch's own float32 strays by more than 1e-3 of the change of the
weights or 1e-5 of a loss. Its figures are printed as well. Where pixcycle still strays, its steps are run one by one,
each from where it stood, and kinks.py looks for the single activations that explain a step's difference.
"""

import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/fixtures/goldens"))
import safetensors_file  # noqa: E402 (found through the line above)
from kinks import explain  # noqa: E402
from make_goldens import Start  # noqa: E402
from reference import complete_options  # noqa: E402
from suitability import norm, subtract  # noqa: E402

STRAY_LOSS, STRAY_CHANGE = 1e-5, 1e-3

# What a preset says, for the reference; `pixcycle step` gets its name.
TENSORFLOW = {"net_style": "tf", "leaky_slope": 0.3, "gan_mode": "vanilla", "adam_form": "keras", "netG": "unet_64"}
PRESETS = {
    "torch-pix2pix": {"model": "pix2pix"},
    "torch-cyclegan": {"model": "cycle_gan"},
    "tf-pix2pix": {"model": "pix2pix", **TENSORFLOW, "norm": "batch", "norm_eps": 1e-3, "norm_momentum": 0.01,
                   "lambda_D": 1.0, "update_order": "together"},
    "tf-cyclegan": {"model": "cycle_gan", **TENSORFLOW, "norm": "instance_affine"},
    "vgg-cyclegan": {"model": "cycle_gan", "netG": "vgg16_unet", "netD": "strided", "n_layers_D": 4,
                     "norm": "instance_affine", "norm_eps": 1e-3, "lambda_identity": 0.1, "adam_form": "keras"},
    "mobile-pix2pix": {"model": "pix2pix"},
    "mobile-cyclegan": {"model": "cycle_gan"},
}

GENERATORS = {
    "torch": ["resnet_6blocks", "resnet_9blocks", "unet_64", "unet_128"],
    "mobile": ["mobile_resnet_6blocks", "mobile_resnet_9blocks"],
}


def draw_configuration(draw, preset):
    """The options that are drawn, and the batch and the size [height, width]."""
    drawn = {"ngf": draw.randint(2, 8), "ndf": draw.randint(2, 8), "no_dropout": True, "pool_size": 0,
             "learn_residual": draw.random() < 0.5, "lr": draw.choice([0.01, 0.03]),
             "adam_eps": 0.03 if PRESETS[preset].get("adam_form") == "keras" else 1.0}
    if preset.startswith(("torch", "mobile")):
        netG = draw.choice(GENERATORS[preset.split("-")[0]])
        drawn.update(netG=netG, netD=draw.choice(["basic", "n_layers", "pixel"]), n_layers_D=draw.randint(1, 4),
                     norm=draw.choice(["batch", "instance", "instance_affine", "none"]),
                     gan_mode=draw.choice(["lsgan", "vanilla", "wgangp"]), lambda_gp=0.0)
        if netG.startswith("unet"):
            divisor = int(netG.split("_")[1])
            sizes = range(divisor, 2 * divisor + 1, divisor)
        else:
            sizes = range(48, 100, 4)
    else:  # the networks of the tf presets normalise the innermost pixels, of which there must be several
        drawn["netG"] = PRESETS[preset]["netG"]
        sizes = range(64, 129, 32) if preset.startswith("vgg") else [128]
    if drawn["netG"] != "vgg16_unet":
        drawn["upsample"] = draw.choice(["deconv", "resize-conv"])
    if PRESETS[preset]["model"] == "cycle_gan":
        drawn["lambda_identity"] = draw.choice([0.0, 0.5])
    channels = draw.choice([1, 3]), draw.choice([1, 3])
    same = drawn.get("lambda_identity", 0) > 0
    drawn.update(input_nc=channels[0], output_nc=channels[0] if same else channels[1])
    return drawn, draw.randint(1, 3), [draw.choice(sizes), draw.choice(sizes)]


def flags(options):
    """As arguments; what is switched off is left out."""
    on = [f"--{name}" for name, value in options.items() if value is True]
    return on + [text for name, value in options.items() if not isinstance(value, bool) for text in (f"--{name}", str(value))]


def write_start(folder, start):
    """What `pixcycle step` and step.py read; returns the arguments."""
    weights = folder / "weights"
    weights.mkdir()
    for name, state in start.weights.items():
        safetensors_file.save(weights / f"{name}.safetensors", state)
    batches = {f"real_{side}.{i}": image for i, pair in enumerate(start.batches) for side, image in zip("AB", pair)}
    safetensors_file.save(folder / "batches.safetensors", batches)
    return ["--weights", weights, "--batches", folder / "batches.safetensors", "--steps", len(start.batches)]


def run(command, files, out, networks):
    """Losses and weights of one of the two programs."""
    done = subprocess.run([*map(str, [*command, *files, "--out", out])], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[1]} failed: {done.stderr}")
    state = {f"{network}/{key}": value for network in networks
             for key, value in safetensors_file.load(out / f"{network}.safetensors")[0].items()}
    return json.loads((out / "losses.json").read_text()), state


def run_pixcycle(folder, preset, drawn, start, conv):
    command = ["node", ROOT / "bin/pixcycle.js", "step", "--preset", preset, "--conv", conv, *flags(drawn)]
    return run(command, write_start(folder, start), folder / "pixcycle", start.weights)


def run_both(folder, preset, drawn, start, conv):
    """Losses and weights of pixcycle and of the reference."""
    ours = run_pixcycle(folder, preset, drawn, start, conv)
    options = {name: value for name, value in {**PRESETS[preset], **drawn}.items() if name != "model"}
    command = [sys.executable, ROOT / "bench/pytorch/step.py", "--float64", "--model", PRESETS[preset]["model"], *flags(options)]
    files = ["--weights", folder / "weights", "--batches", folder / "batches.safetensors", "--steps", len(start.batches)]
    return ours, run(command, files, folder / "reference", start.weights)


def compare(start, ours, theirs):
    """The largest differences of a loss, and of the change of a network's weights or its running statistics."""
    losses = max(abs(a[name] - b[name]) / max(1, abs(b[name])) for a, b in zip(ours[0], theirs[0]) for name in b)
    first, changes = start.flat(), []
    for network in start.weights:
        names = [name for name in theirs[1] if name.startswith(f"{network}/") and name not in start.zero_gradient]
        buffers = [name for name in names if "running_" in name]
        parameters = [name for name in names if theirs[1][name].is_floating_point() and name not in buffers]
        for group in (parameters, buffers):
            if group:
                changes.append(norm(subtract(ours[1], theirs[1], group)) / norm(subtract(theirs[1], first, group)))
    return losses, max(changes)


def draw_start(options, seed, redraws):
    """Weights and batches, how PyTorch's float32 strays from them, and how often they were drawn again."""
    for redraw in range(redraws + 1):
        start = Start(options, 1000 * seed + redraw)
        exact, single = (start.run(options, dtype) for dtype in (torch.float64, torch.float32))
        stray = compare(start, *((run["losses"], run["final"]) for run in (single, exact)))
        if stray[0] <= STRAY_LOSS and stray[1] <= STRAY_CHANGE:
            break
    return start, stray, redraw


def trace(preset, drawn, options, start, conv):
    """Runs the steps one by one, each from pixcycle's weights, and prints how each compares, and by which kinks it strays."""
    weights = start.weights
    for number, batch in enumerate(start.batches, 1):
        here = copy.copy(start)
        here.weights, here.batches = weights, [batch]
        with tempfile.TemporaryDirectory() as folder:
            ours = run_pixcycle(pathlib.Path(folder), preset, drawn, here, conv)
        first, _, flipped, near = explain(options, here, ours, compare, STRAY_CHANGE)
        print(f"    step {number} alone: losses {first[0]:.1e} change {first[1]:.1e}, {near} near kinks")
        for label, distance, found in flipped:
            print(f"      {label}, {distance:.1e} from 0, on its other branch: losses {found[0]:.1e} change {found[1]:.1e}")
        sys.stdout.flush()
        weights = {network: {key: ours[1][f"{network}/{key}"] for key in state} for network, state in weights.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--redraws", type=int, default=5)
    parser.add_argument("--only", type=int, help="run this configuration of them alone")
    parser.add_argument("--conv", choices=["auto", "direct", "winograd"], default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Draws of their own: those of the other presets stay what they were before there were these.
    draws = {mobile: random.Random(f"{arguments.seed} mobile" if mobile else arguments.seed) for mobile in (False, True)}
    worst, worst_stray = [0.0, 0.0], [0.0, 0.0]
    for i in range(arguments.count):
        preset = list(PRESETS)[i % len(PRESETS)]
        drawn, batch, size = draw_configuration(draws[preset.startswith("mobile")], preset)
        if arguments.only not in (None, i + 1):
            continue
        options = complete_options({**PRESETS[preset], **drawn, "batch": batch, "size": size, "steps": arguments.steps})
        if options["norm"] == "none":  # without norms, small weights would leave nothing of the image
            options.update(init_type="xavier", init_gain=1.0)
        start, stray, redrawn = draw_start(options, arguments.seed + i, arguments.redraws)
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = run_both(pathlib.Path(folder), preset, drawn, start, arguments.conv)
            found = compare(start, ours, theirs)
        worst = [max(pair) for pair in zip(worst, found)]
        worst_stray = [max(pair) for pair in zip(worst_stray, stray)]
        text = " ".join(f"{name}={value}" for name, value in drawn.items())
        figures = f"losses {found[0]:.1e} change {found[1]:.1e} (float32: {stray[0]:.1e} {stray[1]:.1e}, {redrawn} redrawn)"
        print(f"{i + 1} {figures} {preset} {size[0]}x{size[1]} batch={batch} {text}", flush=True)
        if found[1] > STRAY_CHANGE or found[0] > STRAY_LOSS:
            trace(preset, drawn, options, start, arguments.conv)
    print(json.dumps({"configurations": arguments.count, "loss": worst[0], "change": worst[1],
                      "float32_loss": worst_stray[0], "float32_change": worst_stray[1]}))


if __name__ == "__main__":
    main()
