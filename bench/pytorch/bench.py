"""Times the reference training step: `python3 bench.py --model cycle_gan --size 256 --batch 1 --steps 3`.

Prints {"secondsPerStep", "secondsToFirstStep", "secondsPerImage", "peakMiB"} as its last line: the medians of whole
training steps and of the generator's inference (batch 1, no gradients), both after a warm-up, the time from the start of
the process to the end of the first step, and the process' peak memory in training.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/goldens"))
from reference import make_model  # noqa: E402 (found through the line above)


def process_seconds():
    """Seconds since this process was started (Linux)."""
    fields = pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def median_seconds(action, count, after_first=lambda: None):
    """Median of `count` runs, after one that does not count."""
    action()
    after_first()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["cycle_gan", "pix2pix"], required=True)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3, help="steps that are timed, after one warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--ngf", type=int)
    parser.add_argument("--ndf", type=int)
    parser.add_argument("--netG")
    parser.add_argument("--netD")
    parser.add_argument("--norm", choices=["batch", "instance", "none"])
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    given = {name: getattr(arguments, name) for name in ("ngf", "ndf", "netG", "netD", "norm")}
    model = make_model({"model": arguments.model, **{name: value for name, value in given.items() if value is not None}})
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    for network in model.networks.values():
        network.to(memory_format=layout)
    model.make_optimisers()

    def images(batch):
        shape = (batch, 3, arguments.size, arguments.size)
        return torch.rand(shape).mul(2).sub(1).contiguous(memory_format=layout)

    real_A, real_B, single = images(arguments.batch), images(arguments.batch), images(1)
    first = []
    seconds_per_step = median_seconds(
        lambda: model.step(real_A, real_B), arguments.steps, lambda: first.append(process_seconds())
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    generator = next(iter(model.networks.values()))
    with torch.no_grad():
        seconds_per_image = median_seconds(lambda: generator(single), max(arguments.steps, 5))
    print(json.dumps({"secondsPerStep": round(seconds_per_step, 4), "secondsToFirstStep": round(first[0], 3),
                      "secondsPerImage": round(seconds_per_image, 4), "peakMiB": round(peak)}))


if __name__ == "__main__":
    main()
