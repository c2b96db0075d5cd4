"""Runs reference training steps on given weights and batches, like `pixcycle step`:

    python3 step.py --model pix2pix --weights DIR --batches FILE --steps N --out DIR [--gan_mode lsgan --pool_size 0 ...]

DIR holds net_G, net_D (or net_G_A, net_G_B, net_D_A, net_D_B) as .safetensors or .pth; FILE, a .safetensors or a .pth
with a dict, holds real_A.0, real_B.0, real_A.1, ... Writes the new weights under the same names, and losses.json.
Networks are described by the options (--netG, --norm, --ngf ...), as in training.
"""

import argparse
import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/goldens"))
import safetensors_file  # noqa: E402 (found through the line above)
from reference import DEFAULTS, complete_options, make_model  # noqa: E402


def read_tensors(path):
    if path.suffix == ".safetensors":
        return safetensors_file.load(path)[0]
    return torch.load(path, map_location="cpu")


def read_weights(folder, network):
    for suffix in (".safetensors", ".pth"):
        path = folder / f"{network}{suffix}"
        if path.exists():
            return read_tensors(path)
    raise SystemExit(f"{folder} has neither {network}.safetensors nor {network}.pth")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["cycle_gan", "pix2pix"], required=True)
    parser.add_argument("--weights", type=pathlib.Path, required=True)
    parser.add_argument("--batches", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--float64", action="store_true", help="compute in float64")
    for name, default in DEFAULTS.items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(f"--{name}", type=type(default))
    arguments = parser.parse_args()

    given = {name: getattr(arguments, name) for name in DEFAULTS if getattr(arguments, name) is not None}
    model = make_model(complete_options({"model": arguments.model, **given}))
    torch.manual_seed(model.options["seed"])
    dtype = torch.float64 if arguments.float64 else torch.float32
    for name, network in model.networks.items():
        network.load_state_dict(read_weights(arguments.weights, name))
        network.to(dtype)
    model.make_optimisers()
    batches = read_tensors(arguments.batches)
    losses = []
    for step in range(arguments.steps):
        model.step(batches[f"real_A.{step}"].to(dtype), batches[f"real_B.{step}"].to(dtype))
        losses.append(dict(model.losses))

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, network in model.networks.items():
        state = {key: value if value.dtype == torch.int64 else value.float() for key, value in network.state_dict().items()}
        safetensors_file.save(arguments.out / f"{name}.safetensors", state)
    (arguments.out / "losses.json").write_text(json.dumps(losses, indent=1) + "\n")


if __name__ == "__main__":
    main()
