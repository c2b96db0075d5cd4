import * as node from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";
import type { TensorMap } from "../../src/formats/tensor.js";
import { floatMap } from "../../src/formats/weights.js";
import { Graph } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { input, reshape, sliceAxis } from "../../src/graph/language.js";
import { inferNetwork } from "../../src/networks/infer.js";
import {
  describeNetwork,
  discriminator,
  type GeneratorOptions,
  generator,
  type Network,
} from "../../src/networks/registry.js";
import { type Mode, NetworkState } from "../../src/nn/forward.js";
import { exportToOnnx } from "../../src/onnx/export.js";
import { readOnnxMetadata } from "../../src/onnx/metadata.js";
import { RandomStream } from "../../src/random/philox.js";
import {
  type ExportedNetwork,
  exportNetwork,
  exportParity,
  type NetworkExport,
} from "../../src/runtime/export.js";
import type { OrtModule } from "../../src/runtime/ort.js";

const ort = node as OrtModule;
const webOrt = web as OrtModule;

beforeAll(() => {
  web.env.wasm.numThreads = 1;
});

const plain: NetworkExport = { mode: "train", dropout: false, half: false, metadata: {} };

/** A network with random weights; variances are positive. */
function withWeights(network: Network): ExportedNetwork {
  const weights: TensorMap = new Map();
  for (const { name, shape, role } of describeNetwork(network)) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (role === "counter") {
      weights.set(name, { dtype: "I64", shape, data: new BigInt64Array(size) });
      continue;
    }
    const fan = shape.length === 4 ? Math.min(shape[0]!, shape[1]!) * shape[2]! * shape[3]! : 4;
    const data = new Float32Array(size);
    new RandomStream(1, name).fillNormal(data);
    const scaled = data.map((value) => value / Math.sqrt(fan));
    const positive = name.endsWith("running_var") || (name.endsWith(".weight") && shape.length === 1);
    weights.set(name, {
      dtype: "F32",
      shape,
      data: positive ? scaled.map((v) => 0.5 + Math.abs(v)) : scaled,
    });
  }
  return inferNetwork(weights, "test");
}

const made = (
  netG: GeneratorOptions["netG"],
  norm: "batch" | "instance" | "instance_affine" | "none",
  upsample: "deconv" | "resize-conv" = "deconv",
  dropout = false,
  channels: readonly [number, number] = [3, 3],
): ExportedNetwork =>
  withWeights(generator("net_G", { netG, ngf: 2, norm, no_dropout: !dropout, upsample }, ...channels));

interface Case {
  readonly netG: Parameters<typeof made>[0];
  readonly norm: Parameters<typeof made>[1];
  readonly upsample: "deconv" | "resize-conv";
  readonly mode: Mode;
}

const cases: Case[] = [
  { netG: "vgg16_unet", norm: "instance_affine", upsample: "deconv", mode: "train" },
  { netG: "vgg16_unet", norm: "batch", upsample: "deconv", mode: "eval" },
  { netG: "unet_64", norm: "instance_affine", upsample: "deconv", mode: "train" },
  { netG: "mobile_resnet_6blocks", norm: "instance", upsample: "deconv", mode: "train" },
  { netG: "mobile_resnet_6blocks", norm: "batch", upsample: "resize-conv", mode: "train" },
];
for (const netG of ["resnet_6blocks", "unet_64"] as const) {
  for (const norm of ["batch", "instance", "none"] as const) {
    for (const upsample of ["deconv", "resize-conv"] as const) {
      cases.push({ netG, norm, upsample, mode: "train" });
    }
  }
  cases.push({ netG, norm: "batch", upsample: "deconv", mode: "eval" });
}
cases.push({ netG: "resnet_9blocks", norm: "instance", upsample: "deconv", mode: "train" });
cases.push({ netG: "unet_128", norm: "batch", upsample: "deconv", mode: "train" });
cases.push({ netG: "unet_256", norm: "batch", upsample: "deconv", mode: "train" });
cases.push({ netG: "unet_256", norm: "instance", upsample: "deconv", mode: "train" });

describe("an exported generator at three sizes is pixcycle's own", () => {
  it.each(cases)("$netG, norm $norm, $upsample, $mode", async ({ netG, norm, upsample, mode }) => {
    const network = made(netG, norm, upsample);
    const model = exportNetwork(network, { ...plain, mode });
    for (const other of [ort, webOrt]) {
      expect(await exportParity(model, network, mode, { ort, other, settings: { threads: 1 } })).toBeLessThan(
        2e-5,
      );
    }
  });
});

describe("an exported generator in float16, at three sizes on another runtime", () => {
  it.each<[GeneratorOptions["netG"], Case["norm"]]>([
    ["resnet_6blocks", "instance"],
    ["resnet_9blocks", "instance"],
    ["mobile_resnet_6blocks", "batch"],
    ["unet_64", "batch"],
    ["unet_128", "batch"],
    ["unet_256", "instance"],
    ["vgg16_unet", "instance_affine"],
  ])("%s is pixcycle's own to its precision", async (netG, norm) => {
    const network = made(netG, norm);
    const model = exportNetwork(network, { ...plain, half: true });
    const settings = { ort, other: webOrt, settings: { threads: 1 } };
    expect(await exportParity(model, network, "train", settings)).toBeLessThan(3e-2);
  });
});

describe("an exported discriminator", () => {
  it.each([
    { netD: "basic", n_layers_D: 3, norm: "instance" },
    { netD: "n_layers", n_layers_D: 2, norm: "batch" },
    { netD: "pixel", n_layers_D: 3, norm: "none" },
  ] as const)("$netD, norm $norm, is pixcycle's own", async (options) => {
    const network = withWeights(discriminator("net_D", { ...options, ndf: 4 }, 6));
    const model = exportNetwork(network, plain);
    expect(
      await exportParity(model, network, "train", { ort, other: webOrt, settings: { threads: 1 } }),
    ).toBeLessThan(1e-4);
  });
});

/** What the interpreter computes in float64, without dropout. */
function reference(
  { network, weights }: ExportedNetwork,
  mode: Mode,
  image: Float32Array,
  shape: readonly number[],
) {
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, mode);
  const result = state.call("test", () => network.forward(state, input(graph, "image", shape)));
  const feeds = new Map([["image", image]]);
  for (const [name, { data }] of floatMap(weights)) feeds.set(`${network.name}/${name}`, data);
  for (const { name, shape: extents } of state.masks) {
    feeds.set(name, new Float32Array(extents.reduce((a, b) => a * b, 1)).fill(1));
  }
  return interpret([result], feeds)[0]!;
}

async function run(runtime: OrtModule, model: Uint8Array, image: Float32Array, shape: readonly number[]) {
  const session = await runtime.InferenceSession.create(model);
  const { result } = await session.run({ image: new runtime.Tensor("float32", image, shape) });
  return { data: result!.data as Float32Array, dims: result!.dims, session };
}

function noise(shape: readonly number[]): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  new RandomStream(3, "image").fillUniform(data);
  return data.map((value) => 2 * value - 1);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe("against the interpreter in float64", () => {
  const networks = {
    resnet: made("resnet_6blocks", "instance", "deconv", true, [1, 4]),
    unet: made("unet_64", "batch", "resize-conv", true, [4, 2]),
  };
  const sizes = { resnet: [1, 1, 12, 20], unet: [2, 4, 64, 128] } as const;

  it.each(["resnet", "unet"] as const)("a %s agrees, dropout off", async (kind) => {
    const image = noise(sizes[kind]);
    const expected = reference(networks[kind], "train", image, sizes[kind]);
    const { data, dims } = await run(webOrt, exportNetwork(networks[kind], plain), image, sizes[kind]);
    expect(dims).toEqual([sizes[kind][0], kind === "resnet" ? 4 : 2, ...sizes[kind].slice(2)]);
    expect(distance(data, expected)).toBeLessThan(2e-5);
  });

  it.each(["resnet", "unet"] as const)(
    "a %s in float16 agrees to its precision, on two runtimes",
    async (kind) => {
      const image = noise(sizes[kind]);
      const expected = reference(networks[kind], "train", image, sizes[kind]);
      const model = exportNetwork(networks[kind], { ...plain, half: true });
      expect(model.length).toBeLessThan(exportNetwork(networks[kind], plain).length);
      for (const runtime of [ort, webOrt]) {
        const { data } = await run(runtime, model, image, sizes[kind]);
        const error = distance(data, expected);
        expect(error).toBeLessThan(2e-2);
        // Exact results would mean that nothing was computed in float16.
        expect(error).toBeGreaterThan(1e-5);
      }
    },
  );
});

describe("dropout", () => {
  it.each([false, true])("is on in an export only if asked for (float16: %s)", async (half) => {
    const network = made("resnet_6blocks", "instance", "deconv", true);
    const shape = [1, 3, 16, 16];
    const image = noise(shape);
    const twice = async (dropout: boolean) => {
      const model = exportNetwork(network, { ...plain, dropout, half });
      const { data, session } = await run(ort, model, image, shape);
      const again = await session.run({ image: new ort.Tensor("float32", image, shape) });
      return distance(data, again.result!.data as Float32Array);
    };
    expect(await twice(false)).toBe(0);
    expect(await twice(true)).toBeGreaterThan(1e-3);
  });
});

describe("the model file", () => {
  it("says what it takes, gives and is", async () => {
    const network = made("unet_64", "batch");
    const bytes = exportNetwork(network, { ...plain, metadata: { source: "runs/facades" } });
    const session = await node.InferenceSession.create(bytes);
    const [image] = session.inputMetadata;
    expect(image).toMatchObject({ name: "image", type: "float32", shape: ["batch", 3, "height", "width"] });
    const [result] = session.outputMetadata;
    expect(result).toMatchObject({ name: "result", type: "float32", shape: ["batch", 3, "height", "width"] });
    const text = Buffer.from(bytes).toString("latin1");
    for (const entry of ["runs/facades", "unet_64", "[0.5,0.5,0.5]", "[-1, 1]", "of the batch"]) {
      expect(text).toContain(entry);
    }
  });

  it.each([
    ["batch", "train", "of the batch"],
    ["batch", "eval", "running"],
    ["instance", "train", "of each image"],
    ["instance_affine", "train", "of each image"],
    ["instance_affine", "eval", "of each image"],
    ["none", "train", "none"],
  ] as const)("says where %s norms in %s mode take their statistics: %s", (norm, mode, statistics) => {
    const bytes = exportNetwork(made("unet_64", norm), { ...plain, mode });
    expect(readOnnxMetadata(bytes, "net.onnx").norm_statistics).toBe(statistics);
  });

  it("keeps float32 at the border of a float16 model", async () => {
    const bytes = exportNetwork(made("unet_64", "batch"), { ...plain, half: true });
    const session = await node.InferenceSession.create(bytes);
    expect(session.inputMetadata[0]).toMatchObject({ type: "float32" });
    expect(session.outputMetadata[0]).toMatchObject({ type: "float32" });
  });

  it("is refused for operations of one size", () => {
    const graph = new Graph();
    const image = input(graph, "image", [2, 3, 8, 8]);
    const options = {
      name: "net",
      constants: new Map(),
      masks: new Map(),
      dropout: false,
      half: false,
      metadata: {},
    };
    const named = { name: "image", shape: ["batch", 3, "height", "width"], tensor: image };
    for (const tensor of [reshape(image, [2, 192]), sliceAxis(image, 2, 0, 4)]) {
      const output = { name: "result", shape: ["batch"], tensor };
      expect(() => exportToOnnx({ ...options, input: named, output })).toThrow(
        "cannot be exported for any size",
      );
    }
  });
});
