// node bench/kid.mjs TRUTH_FOLDER FEATURES.onnx NAME=FOLDER...
// Kernel inception distance × 10³ of folders of outputs to a folder of true images; a NAME given several times also gets mean and deviation.
// FEATURES.onnx is any feature extractor, as `pixcycle eval --features` takes it. Needs `npm run build` first.
import { decodeImage } from "../dist/data/image.js";
import { imageToTensor } from "../dist/data/pixels.js";
import { openFeatures } from "../dist/evaluation/features.js";
import { listByStem, OUTPUT_SUFFIXES } from "../dist/evaluation/folders.js";
import { kid } from "../dist/evaluation/kid.js";

const [truthFolder, features, ...methods] = process.argv.slice(2);
if (features === undefined || methods.length === 0 || methods.some((method) => !/^[^=]+=.+/.test(method))) {
  console.error("usage: node bench/kid.mjs TRUTH_FOLDER FEATURES.onnx NAME=FOLDER...");
  process.exit(2);
}
const extractor = await openFeatures(features, {}, 1);
const truth = await listByStem(truthFolder);

/** The features of the images that have a true one's name, or its name and a suffix. */
async function featuresOf(folder) {
  const found = await listByStem(folder);
  const result = [];
  for (const stem of truth.keys()) {
    const name = OUTPUT_SUFFIXES.map((suffix) => stem + suffix).find((candidate) => found.has(candidate));
    if (name === undefined) throw new Error(`${folder} lacks ${stem}`);
    result.push(await extractor.extract(imageToTensor(await decodeImage(found.get(name), { channels: 3 }))));
  }
  return result;
}

const real = await featuresOf(truthFolder);
const groups = new Map();
for (const method of methods) {
  const [name, folder] = [method.slice(0, method.indexOf("=")), method.slice(method.indexOf("=") + 1)];
  const value = kid(await featuresOf(folder), real).mean * 1000;
  console.log(`${name} ${folder} ${value.toFixed(1)}`);
  groups.set(name, [...(groups.get(name) ?? []), value]);
}
for (const [name, values] of groups) {
  if (values.length === 1) continue;
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1));
  console.log(`${name}: ${mean.toFixed(1)} ± ${deviation.toFixed(1)}`);
}
await extractor.close();
