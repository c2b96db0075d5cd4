import { type BuiltinFolders, type BuiltinIcon, loadBuiltin } from "../data/builtin.js";
import { imageToTensor } from "../data/pixels.js";
import { fitColourRegression, identityBaseline } from "../evaluation/baselines.js";
import { composeGrid } from "../evaluation/grid.js";
import { meanScores, type Scores, scoreImage } from "../evaluation/scores.js";
import { writeFileAtomic } from "../formats/atomic.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { SessionSettings } from "../runtime/ort.js";
import { loadTranslator } from "../translation/load.js";

/** Triples of the grid that stand side by side. */
const ACROSS = 4;

/**
 * Translates the held-out icons with a trained run, and scores it beside the baselines. The colour regression is
 * fitted on pairs, also where the model has seen none.
 * @param run the run's folder
 * @param grid the PNG to write: input | output | truth of every held-out icon
 * @returns method to mean scores, the baselines first
 */
export async function writeResults(
  run: string,
  grid: string,
  settings: SessionSettings,
): Promise<ReadonlyMap<string, Scores>> {
  const icons = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
  const inputs = tensors(icons.testA);
  const truth = tensors(icons.testB);
  const outputs = await translate(run, inputs, settings);
  const rows = inputs.map((input, i) => [input, outputs[i]!, truth[i]!]);
  const options = { columns: ["input", "output", "truth"], across: ACROSS };
  await writeFileAtomic(grid, await composeGrid(rows, options));
  const score = (images: readonly FloatTensor[]) =>
    meanScores(images.map((image, i) => scoreImage(image, truth[i]!)));
  const regression = await fitColourRegression(trainingPairs(icons));
  return new Map([
    [`input as it is (${identityBaseline.name})`, score(inputs.map(identityBaseline.translate))],
    [`best colour map (${regression.name})`, score(inputs.map(regression.translate))],
    ["this model", score(outputs)],
  ]);
}

async function translate(
  run: string,
  inputs: readonly FloatTensor[],
  settings: SessionSettings,
): Promise<FloatTensor[]> {
  const translator = await loadTranslator(run, settings);
  try {
    return await translator.translateTensors(inputs);
  } finally {
    await translator.close();
  }
}

function trainingPairs({ trainA, trainB }: BuiltinFolders) {
  const outputs = tensors(trainB);
  return tensors(trainA).map((input, i) => ({ input, output: outputs[i]! }));
}

const tensors = (icons: readonly BuiltinIcon[]): FloatTensor[] =>
  icons.map(({ image }) => imageToTensor(image));
