// node bench/data/make-features.mjs [OUT.onnx] [--layer NAME]
// Makes a feature extractor for `pixcycle eval --features`: Keras' InceptionV3 up to `mixed5` (768 channels, mean over
// places), from the uint8-quantised weights that nsfwjs carries. Up to there they are ImageNet's. Its distances are
// "KID, Keras InceptionV3 mixed5, uint8": no other paper's. Needs `npm run build` first.
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeOnnxModel } from "../../dist/onnx/model.js";
import { npmPackage, PACKAGES } from "./packages.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { layer: { type: "string", default: "mixed5" } },
});
const [out = "inception-mixed5.onnx"] = positionals;
const folder = join(await npmPackage(PACKAGES.nsfwjs), "dist/models/inception_v3");
const require = createRequire(import.meta.url);
const { modelTopology, weightsManifest } = require(join(folder, "model.min.js"));
const weights = await readWeights(weightsManifest[0]);
const layers = new Map(modelTopology.model_config.config.layers.map((layer) => [layer.name, layer]));
if (!layers.has(values.layer)) {
  console.error(`There is no layer ${values.layer}.`);
  process.exit(2);
}

const nodes = [];
const initializers = [];
const last = values.layer;
lower(last);
node("GlobalAveragePool", `${last}/mean`, [last], {});
node("Flatten", "features", [`${last}/mean`], { axis: 1 });
const metadata = {
  features_name: `Keras InceptionV3 ${last}, uint8`,
  features_size: "299",
  features_range: "-1,1",
  source: `${PACKAGES.nsfwjs} (MIT)`,
};
const model = {
  name: "features",
  nodes,
  initializers,
  inputs: [{ name: "input_1", shape: ["batch", 3, 299, 299] }],
  outputs: [{ name: "features", shape: ["batch", "channels"] }],
  metadata,
};
await writeFile(out, encodeOnnxModel(model));
console.log(`${out}: ${metadata.features_name}, ${nodes.length} nodes`);

/** Weights by name, as floats: min + scale · byte. */
async function readWeights({ paths, weights: entries }) {
  const bytes = Buffer.concat(
    paths.map((path) => Buffer.from(require(join(folder, `${path}.min.js`)), "base64")),
  );
  const found = new Map();
  let at = 0;
  for (const { name, shape, quantization } of entries) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (quantization?.dtype !== "uint8") throw new Error(`${name} is not quantised to uint8.`);
    const { min, scale } = quantization;
    found.set(name, {
      shape,
      data: Float32Array.from(bytes.subarray(at, at + size), (q) => min + scale * q),
    });
    at += size;
  }
  if (at !== bytes.length) throw new Error(`${bytes.length} bytes of weights, ${at} described.`);
  return found;
}

/** Writes a layer's node after those it needs; its output has its name. */
function lower(name) {
  if (name === "input_1" || nodes.some(({ outputs }) => outputs[0] === name)) return;
  const { class_name, config, inbound_nodes } = layers.get(name);
  const inputs = inbound_nodes[0].map(([from]) => from);
  for (const input of inputs) lower(input);
  switch (class_name) {
    case "Conv2D":
      return convolution(name, inputs[0], config);
    case "BatchNormalization":
      return batchNorm(name, inputs[0], config);
    case "Activation":
      if (config.activation !== "relu") throw new Error(`${name}: ${config.activation}`);
      return node("Relu", name, inputs, {});
    case "MaxPooling2D":
    case "AveragePooling2D":
      return node(class_name === "MaxPooling2D" ? "MaxPool" : "AveragePool", name, inputs, {
        kernel_shape: config.pool_size,
        strides: config.strides,
        auto_pad: padding(config),
      });
    case "Concatenate":
      return node("Concat", name, inputs, { axis: 1 });
    default:
      throw new Error(`${name} is a ${class_name}.`);
  }
}

function convolution(name, input, { strides, padding: mode, use_bias }) {
  if (use_bias) throw new Error(`${name} has a bias.`);
  const { shape, data } = weights.get(`${name}/kernel`);
  const [height, width, from, to] = shape;
  // Keras has [H, W, in, out], ONNX [out, in, H, W].
  const kernel = new Float32Array(data.length);
  for (let place = 0; place < height * width; place++) {
    for (let i = 0; i < from; i++) {
      for (let o = 0; o < to; o++) {
        kernel[(o * from + i) * height * width + place] = data[(place * from + i) * to + o];
      }
    }
  }
  initializers.push({ name: `${name}/kernel`, shape: [to, from, height, width], data: kernel });
  node("Conv", name, [input, `${name}/kernel`], { strides, auto_pad: padding({ padding: mode }) });
}

function batchNorm(name, input, { epsilon, scale }) {
  if (scale) throw new Error(`${name} has a gamma.`);
  const beta = weights.get(`${name}/beta`);
  const parts = { gamma: { ...beta, data: new Float32Array(beta.data.length).fill(1) }, beta };
  for (const part of ["moving_mean", "moving_variance"]) parts[part] = weights.get(`${name}/${part}`);
  for (const [part, { shape, data }] of Object.entries(parts)) {
    initializers.push({ name: `${name}/${part}`, shape, data });
  }
  const inputs = [input, ...Object.keys(parts).map((part) => `${name}/${part}`)];
  node("BatchNormalization", name, inputs, { epsilon: { float: epsilon } });
}

function padding({ padding: mode }) {
  return mode === "same" ? "SAME_UPPER" : "VALID";
}

function node(opType, output, inputs, attributes) {
  nodes.push({ opType, name: output, inputs, outputs: [output], attributes });
}
