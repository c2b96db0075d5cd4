"""Finds out whether single kinks explain why a float32 program strays from float64.

ReLU, LeakyReLU and |x - y| have two branches. An activation within rounding of zero may take the other one in float32, and its
gradient is then another, by no mistake. `explain` takes the nearest of them in float64 to the other branch, one after the other,
and keeps those that bring the float64 steps nearer to the strayed result."""

import torch
from torch import nn

from reference import make_model

NEAREST = 1e-5  # relative to the root mean square of their tensor
MOST = 40  # candidates tried


class Branches:
    """Watches the kinks of a model's steps, in order of their calls, and flips those of `flips`: {call: [element, ...]}."""

    def __init__(self, model, flips):
        self.flips, self.calls, self.near = flips, 0, []
        for key, network in model.networks.items():
            for name, module in network.named_modules():
                if isinstance(module, (nn.ReLU, nn.LeakyReLU)):
                    slope = getattr(module, "negative_slope", 0.0)
                    label = f"{key}/{name}"
                    module.register_forward_hook(
                        lambda _, inputs, output, slope=slope, label=label: self.activation(inputs[0], output, slope, label))
        model.l1.register_forward_hook(lambda _, inputs, output: self.distance(inputs[0] - inputs[1], output))

    def activation(self, x, output, slope, label):
        mask = self.look(x, label)
        # From the branch of x > 0 to slope * x, or back.
        return output if mask is None else output + x * mask * torch.where(x > 0, slope - 1.0, 1.0 - slope)

    def distance(self, difference, output):
        mask = self.look(difference, "L1")
        return output if mask is None else output - 2 * (difference.abs() * mask).sum() / difference.numel()

    def look(self, x, label):
        call, self.calls = self.calls, self.calls + 1
        values = x.detach().flatten()
        relative = values.abs() / values.square().mean().sqrt()
        for element in (relative < NEAREST).nonzero().flatten().tolist():
            if values[element] != 0:
                self.near.append((float(relative[element]), call, element, label))
        if call not in self.flips:
            return None
        mask = torch.zeros_like(values)
        mask[self.flips[call]] = 1
        return mask.reshape(x.shape)


def run_flipped(options, start, flips):
    """The float64 steps with some kinks flipped: their losses and weights, and the kinks nearest to zero, the nearest first."""
    model = make_model(options)
    for name, network in model.networks.items():
        network.to(torch.float64).load_state_dict(start.weights[name])
    model.make_optimisers()
    branches = Branches(model, flips)
    losses = []
    for real_A, real_B in start.batches:
        model.step(real_A.double(), real_B.double())
        losses.append(dict(model.losses))
    state = {f"{name}/{key}": value for name, network in model.networks.items() for key, value in network.state_dict().items()}
    return (losses, state), sorted(branches.near)


def explain(options, start, ours, compare, enough):
    """Flips kinks while they bring `compare(start, ours, exact)` (loss, change) nearer, until the change is `enough`.

    Returns the comparison before and after, what was flipped (label, distance from zero, comparison) and how many kinks were near."""
    flips, flipped = {}, []
    exact, near = run_flipped(options, start, {})
    first = best = compare(start, ours, exact)
    for distance, call, element, label in near[:MOST]:
        if best[1] <= enough:
            break
        tried = {**flips, call: [*flips.get(call, []), element]}
        found = compare(start, ours, run_flipped(options, start, tried)[0])
        if found[1] < best[1]:
            flipped.append((label, distance, found))
            flips, best = tried, found
    return first, best, flipped, len(near)
