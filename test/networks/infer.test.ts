import { describe, expect, it } from "vitest";
import type { TensorMap } from "../../src/formats/tensor.js";
import { Graph, topologicalOrder } from "../../src/graph/graph.js";
import { constant } from "../../src/graph/language.js";
import { inferGenerator, inferNetwork } from "../../src/networks/infer.js";
import { describeNetwork, discriminator, generator, type Network } from "../../src/networks/registry.js";
import { NetworkState } from "../../src/nn/forward.js";

/** A state dict with the names and shapes of a network. */
function stateDict(network: Network): TensorMap {
  const tensors: TensorMap = new Map();
  for (const { name, shape } of describeNetwork(network)) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    tensors.set(name, { dtype: "F32", shape, data: new Float32Array(size) });
  }
  return tensors;
}

const norms = ["batch", "instance", "instance_affine", "none"] as const;
const seen = (weights: TensorMap) => inferNetwork(weights, "net.pth").architecture;

function mismatch(weights: TensorMap): string {
  try {
    inferNetwork(weights, "net.pth");
  } catch (error) {
    expect(error).toMatchObject({ name: "PixcycleError", code: "E_CHECKPOINT_MISMATCH" });
    return (error as Error).message;
  }
  throw new Error("It was recognised.");
}

const resnet = (norm: (typeof norms)[number] = "instance"): TensorMap =>
  stateDict(
    generator("net_G", { netG: "resnet_6blocks", ngf: 2, norm, no_dropout: true, upsample: "deconv" }, 3, 3),
  );

describe("a generator's architecture", () => {
  const architectures = [
    ...(["resnet_9blocks", "resnet_6blocks", "mobile_resnet_9blocks", "mobile_resnet_6blocks"] as const),
    ...(["unet_256", "unet_128", "unet_64"] as const),
  ];
  const cases = architectures.flatMap((netG) =>
    norms.flatMap((norm) =>
      (["deconv", "resize-conv"] as const).flatMap((upsample) =>
        [true, false].map((no_dropout) => ({ netG, norm, upsample, no_dropout })),
      ),
    ),
  );

  it.each(cases)("$netG, norm $norm, $upsample, no_dropout $no_dropout", (options) => {
    for (const [ngf, inputChannels, outputChannels] of [
      [2, 3, 1],
      [1, 1, 1],
      [3, 4, 6],
    ] as const) {
      const weights = stateDict(generator("net_G", { ...options, ngf }, inputChannels, outputChannels));
      const { architecture, network, weights: kept, dropped } = inferGenerator(weights, "net.pth");
      const { no_dropout, ...rest } = options;
      const dropout = options.netG.startsWith("resnet") ? !no_dropout : undefined;
      expect(architecture).toEqual({
        ...{ kind: "generator", ...rest, ngf, inputChannels, outputChannels, dropout },
      });
      expect([...stateDict(network).keys()]).toEqual([...weights.keys()]);
      expect([kept, dropped]).toEqual([weights, []]);
    }
  });
});

describe("TensorFlow's style", () => {
  const tf = { netG: "unet_64", ngf: 2, no_dropout: false, upsample: "deconv", net_style: "tf" } as const;

  it.each(["batch", "instance_affine"] as const)("is told by the norm at the bottleneck: %s", (norm) => {
    const weights = stateDict(generator("net_G", { ...tf, norm }, 3, 3));
    expect(seen(weights)).toMatchObject({ netG: "unet_64", norm, net_style: "tf" });
    const torch = stateDict(generator("net_G", { ...tf, norm, net_style: "torch" }, 3, 3));
    expect(inferNetwork(torch, "net.pth", { net_style: "tf" }).architecture.net_style).toBeUndefined();
  });

  it("is told by the first bias of a discriminator", () => {
    const options = { netD: "basic", n_layers_D: 3, ndf: 2, norm: "batch" } as const;
    expect(seen(stateDict(discriminator("net_D", { ...options, net_style: "tf" }, 6)))).toMatchObject({
      ...{ ...options, net_style: "tf" },
    });
  });

  it.each(norms)("of affinelayer is told by the modules of the bottleneck: norm %s", (norm) => {
    const weights = stateDict(generator("net_G", { ...tf, norm, net_style: "affinelayer" }, 3, 3));
    expect(seen(weights)).toMatchObject({ netG: "unet_64", norm, net_style: "affinelayer" });
  });

  it("is taken from the training where norms have no parameters, and so are slopes and epsilons", () => {
    const weights = stateDict(generator("net_G", { ...tf, norm: "none" }, 3, 3));
    expect(seen(weights).net_style).toBeUndefined();
    const trained = { net_style: "tf", leaky_slope: 0.3, norm_eps: 1e-3, norm_momentum: 0.01 } as const;
    expect(inferNetwork(weights, "net.pth", trained).architecture).toMatchObject(trained);
  });
});

describe("a bare weight file", () => {
  /** What all norms of a network add to the variance. */
  const epsilons = (network: Network): Set<number> => {
    const graph = new Graph();
    const state = new NetworkState(graph, network.name, "train");
    const image = constant(graph, 0, [2, network.inputChannels, 64, 64]);
    const nodes = topologicalOrder([state.call("test", () => network.forward(state, image))]);
    return new Set(nodes.flatMap(({ op, attributes }) => (op === "normalize" ? [attributes.eps] : [])));
  };

  it.each([
    ["unet_64", "batch", "torch", 1e-5],
    ["unet_64", "batch", "tf", 1e-3],
    ["unet_64", "instance_affine", "tf", 1e-5],
    ["unet_64", "batch", "affinelayer", 1e-5],
    ["vgg16_unet", "instance_affine", "torch", 1e-3],
  ] as const)("of %s, %s norm, style %s has the epsilon %d", (netG, norm, net_style, eps) => {
    const options = { netG, norm, net_style, ngf: 2, no_dropout: true, upsample: "deconv" } as const;
    const { network } = inferNetwork(stateDict(generator("net_G", options, 3, 3)), "net.pth");
    expect(epsilons(network)).toEqual(new Set([eps]));
  });
});

describe("the CycleGAN on VGG16", () => {
  it.each(["batch", "instance", "instance_affine"] as const)("with norm %s", (norm) => {
    const netG = { netG: "vgg16_unet", ngf: 2, norm, upsample: "deconv" } as const;
    const G = generator("net_G", { ...netG, no_dropout: true }, 3, 4);
    expect(seen(stateDict(G))).toEqual({
      ...{ kind: "generator", ...netG, inputChannels: 3, outputChannels: 4, dropout: false },
    });
    const netD = { netD: "strided", n_layers_D: 4, ndf: 2, norm } as const;
    expect(seen(stateDict(discriminator("net_D", netD, 3)))).toEqual({
      ...{ kind: "discriminator", ...netD, inputChannels: 3 },
    });
  });
});

describe("a discriminator's architecture", () => {
  const cases = norms.flatMap((norm) => [
    { netD: "pixel" as const, n_layers_D: 3, norm },
    ...[1, 2, 3, 4, 5, 6].map((n_layers_D) => ({
      ...{ netD: n_layers_D === 3 ? ("basic" as const) : ("n_layers" as const), n_layers_D, norm },
    })),
  ]);

  it.each(cases)("$netD, $n_layers_D layers, norm $norm", (options) => {
    const weights = stateDict(discriminator("net_D", { ...options, ndf: 2 }, 5));
    expect(seen(weights)).toEqual({ kind: "discriminator", ...options, ndf: 2, inputChannels: 5 });
  });

  it("is not taken for a generator's", () => {
    const weights = stateDict(
      discriminator("net_D", { netD: "basic", n_layers_D: 3, ndf: 2, norm: "none" }, 3),
    );
    expect(() => inferGenerator(weights, "net_D.pth")).toThrow("net_D.pth is a discriminator (basic).");
  });
});

describe("files of old PyTorch", () => {
  it("lose the statistics that instance norms carried along, and nothing else", () => {
    const weights = resnet();
    const plain = [...weights.keys()];
    for (const norm of ["model.2", "model.5", "model.10.conv_block.2"]) {
      for (const name of ["running_mean", "running_var"]) {
        weights.set(`${norm}.${name}`, { dtype: "F32", shape: [2], data: new Float32Array(2) });
      }
    }
    const { architecture, weights: kept, dropped } = inferNetwork(weights, "net.pth");
    expect(architecture.norm).toBe("instance");
    expect([...kept.keys()]).toEqual(plain);
    expect(dropped).toHaveLength(6);
  });

  it("may lack num_batches_tracked", () => {
    const weights = resnet("batch");
    for (const name of [...weights.keys()]) {
      if (name.endsWith("num_batches_tracked")) weights.delete(name);
    }
    expect(seen(weights).norm).toBe("batch");
  });
});

describe("what is no known network", () => {
  it("is refused with what was seen", () => {
    const other: TensorMap = new Map([
      ["conv1.weight", { dtype: "F32", shape: [64, 3, 7, 7], data: new Float32Array(64 * 147) }],
      ["fc.bias", { dtype: "F32", shape: [1], data: new Float32Array(1) }],
    ]);
    expect(mismatch(other)).toBe(
      "net.pth cannot be recognised: no known network has such tensors (it holds conv1.weight [64, 3, 7, 7], fc.bias [1]).",
    );
    expect(mismatch(new Map())).toContain("it holds no tensors");
  });

  it("says how many blocks or halvings it has", () => {
    const weights = resnet();
    for (const name of [...weights.keys()]) if (name.startsWith("model.14")) weights.delete(name);
    expect(mismatch(weights)).toContain("a ResNet of 4 blocks; known are 6 and 9");
    const unet = stateDict(
      generator(
        "net_G",
        { netG: "unet_64", ngf: 1, norm: "batch", no_dropout: true, upsample: "deconv" },
        3,
        3,
      ),
    );
    for (const name of [...unet.keys()]) {
      if (name.startsWith(`model.model.1${".model.3".repeat(4)}.`)) unet.delete(name);
    }
    expect(mismatch(unet)).toContain("a U-Net that halves its image 5 times; known are 6, 7 and 8");
  });

  it("names the tensors in which it differs from what it looks like", () => {
    const weights = resnet();
    weights.delete("model.23.bias");
    weights.set("model.4.bias", { dtype: "F32", shape: [9], data: new Float32Array(9) });
    weights.set("attention", { dtype: "F32", shape: [], data: new Float32Array(1) });
    expect(mismatch(weights)).toBe(
      "net.pth looks like resnet_6blocks, norm instance, but model.23.bias is missing, model.4.bias is [9] instead of [4], attention is unknown.",
    );
  });

  it("does not pass for instance norm when its norms have learned scales", () => {
    const weights = resnet();
    weights.set("model.2.weight", { dtype: "F32", shape: [2], data: new Float32Array(2) });
    expect(mismatch(weights)).toContain("its norm model.2 has learned scales without running statistics");
  });

  it("is refused, not crashed on, when a convolution has no such shape", () => {
    const weights = resnet();
    weights.set("model.1.weight", { dtype: "F32", shape: [], data: new Float32Array(1) });
    expect(mismatch(weights)).toContain("model.1.weight is []");
    weights.delete("model.1.weight");
    expect(mismatch(weights)).toContain("model.1.weight is missing");
  });
});
