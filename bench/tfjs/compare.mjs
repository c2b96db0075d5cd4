/**
 * The same training in pixcycle and in TensorFlow.js on the CPU: a small generator (two convolutions down, two transposed ones up), L1 loss,
 * Adam, from the same weights on the same images. Prints the losses of both, which must agree, medians of a step, and their ratio.
 *   node bench/tfjs/compare.mjs [--size 64] [--ngf 16] [--steps 5] [--threads 0]
 * Needs `npm run build`. TensorFlow.js is fetched into .cache/packages by the first run. Its plain JavaScript backend is the only one that trains on the
 * CPU without a binary: the WebAssembly backend lacks the gradients of convolutions.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gradients } from "../../dist/autodiff/gradients.js";
import { median } from "../../dist/data/median.js";
import { noiseImages } from "../../dist/data/noise.js";
import { Graph } from "../../dist/graph/graph.js";
import { input, leakyRelu, mul, relu, tanh } from "../../dist/graph/language.js";
import { adamScalars, adamUpdateInPlace } from "../../dist/nn/adam.js";
import { NetworkState } from "../../dist/nn/forward.js";
import { conv, convTranspose } from "../../dist/nn/layers.js";
import { l1Loss } from "../../dist/nn/losses.js";
import { compileToOnnx } from "../../dist/onnx/compile.js";
import { ortModule } from "../../dist/runtime/node/ort-module.js";
import { GraphSession } from "../../dist/runtime/ort.js";
import { npmPackage } from "../data/packages.mjs";

const TFJS = "4.22.0";
const { values } = parseArgs({
  options: {
    size: { type: "string", default: "64" },
    ngf: { type: "string", default: "16" },
    steps: { type: "string", default: "5" },
    threads: { type: "string", default: "0" },
  },
});
const [size, ngf, steps, threads] = ["size", "ngf", "steps", "threads"].map((name) => Number(values[name]));
const LAMBDA = 100;
const RATE = 2e-4;
const ADAM = { beta1: 0.5, beta2: 0.999, eps: 1e-8, form: "torch" };

const images = ["real_A", "real_B"].map((name) => [name, noiseImages([1, 3, size, size], name)]);
const kernel = { kernel: 4, stride: 2, padding: 1, bias: true };

/** The step's graph: the loss and the gradient of every weight. */
function build() {
  const graph = new Graph();
  const [real_A, real_B] = images.map(([name, { shape }]) => input(graph, name, shape));
  const net = new NetworkState(graph, "net_G", "train");
  const fake_B = net.call("fake_B", () => {
    const first = leakyRelu(conv(net, "down1", real_A, { ...kernel, out: ngf }), 0.2);
    const second = leakyRelu(conv(net, "down2", first, { ...kernel, out: 2 * ngf }), 0.2);
    const third = relu(convTranspose(net, "up1", second, { ...kernel, out: ngf }));
    return tanh(convTranspose(net, "up2", third, { ...kernel, out: 3 }));
  });
  const loss = mul(l1Loss(fake_B, real_B), LAMBDA);
  const parameters = [...net.parameters()];
  const found = gradients(
    loss,
    parameters.map(([, tensor]) => tensor),
  );
  const outputs = Object.fromEntries(parameters.map(([name], i) => [name, found[i]]));
  const weights = parameters.map(([name, { shape }]) => {
    const data = name.endsWith("bias")
      ? new Float32Array(shape[0])
      : noiseImages(shape, name).data.map((v) => v * 0.05);
    return [name, { shape, data }];
  });
  return { compiled: compileToOnnx({ loss, ...outputs }), weights };
}

async function timed(step) {
  const losses = [];
  const seconds = [];
  for (let i = 0; i <= steps; i++) {
    const start = performance.now();
    losses.push(await step(i + 1));
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  return { losses, seconds: median(seconds) };
}

async function ours({ compiled, weights }) {
  const session = await GraphSession.create(ortModule, compiled, { threads });
  const state = new Map(
    weights.map(([name, { shape, data }]) => [
      name,
      { shape, data: data.slice(), m: new Float32Array(data.length), v: new Float32Array(data.length) },
    ]),
  );
  const feeds = new Map(images);
  for (const [name, { shape, data }] of state) feeds.set(`net_G/${name}`, { shape, data });
  const targets = new Map([...state].map(([name, { data }]) => [name, new Float32Array(data.length)]));
  const result = await timed(async (step) => {
    const outputs = await session.run(feeds, new Map([...targets, ["loss", undefined]]));
    for (const [name, { data, m, v }] of state) {
      const moments = { parameter: data, firstMoment: m, secondMoment: v };
      adamUpdateInPlace(moments, targets.get(name), ADAM, adamScalars(ADAM, RATE, step));
    }
    return outputs.get("loss").data[0];
  });
  await session.close();
  return result;
}

async function loadTfjs() {
  const bundle = join(await npmPackage(`@tensorflow/tfjs@${TFJS}`), "dist", "tf.min.js");
  const tf = createRequire(import.meta.url)(bundle);
  await tf.setBackend("cpu");
  return tf;
}

/** Our layout [out, in, h, w] (transposed: [in, out, h, w]) is theirs [h, w, in, out] ([h, w, out, in]) after the same turn. */
async function theirs(tf, { weights }) {
  const nhwc = ({ shape, data }) => tf.transpose(tf.tensor(data, shape), [0, 2, 3, 1]);
  const [A, B] = images.map(([, image]) => nhwc(image));
  const variables = Object.fromEntries(
    weights.map(([name, { shape, data }]) => {
      const value = tf.tensor(data, [...shape]);
      return [name, tf.variable(shape.length === 4 ? tf.transpose(value, [2, 3, 1, 0]) : value)];
    }),
  );
  const weight = (name) => [variables[`${name}.weight`], variables[`${name}.bias`]];
  const down = (x, name) => tf.add(tf.conv2d(x, weight(name)[0], 2, "same"), weight(name)[1]);
  const up = (x, name) => {
    const [kernel, bias] = weight(name);
    const shape = [1, 2 * x.shape[1], 2 * x.shape[2], bias.shape[0]];
    return tf.add(tf.conv2dTranspose(x, kernel, shape, 2, "same"), bias);
  };
  const optimizer = tf.train.adam(RATE, ADAM.beta1, ADAM.beta2, ADAM.eps);
  return timed(async () => {
    const loss = optimizer.minimize(() => {
      const inner = tf.leakyRelu(down(tf.leakyRelu(down(A, "down1"), 0.2), "down2"), 0.2);
      const fake = tf.tanh(up(tf.relu(up(inner, "up1")), "up2"));
      return tf.mul(tf.mean(tf.abs(tf.sub(fake, B))), LAMBDA);
    }, true);
    const [value] = await loss.data();
    loss.dispose();
    return value;
  });
}

const built = build();
const tf = await loadTfjs();
const [pixcycle, tfjs] = [await ours(built), await theirs(tf, built)];
const worst = Math.max(...pixcycle.losses.map((loss, i) => Math.abs(loss - tfjs.losses[i]) / loss));
console.log(`${size}², ngf ${ngf}, batch 1, medians of ${steps} steps; TensorFlow.js ${TFJS}, backend cpu`);
console.log(
  `losses ${pixcycle.losses[0].toFixed(4)} to ${pixcycle.losses.at(-1).toFixed(4)}, apart by at most ${worst.toExponential(1)}`,
);
console.log(`pixcycle      ${(1000 * pixcycle.seconds).toFixed(1).padStart(8)} ms`);
console.log(`TensorFlow.js ${(1000 * tfjs.seconds).toFixed(1).padStart(8)} ms`);
console.log(`ratio         ${(tfjs.seconds / pixcycle.seconds).toFixed(0).padStart(8)}`);
