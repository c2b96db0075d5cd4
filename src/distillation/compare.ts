import { stat } from "node:fs/promises";
import { imageToTensor } from "../data/pixels.js";
import { composeGrid } from "../evaluation/grid.js";
import { meanScores, type Scores, scoreImage } from "../evaluation/scores.js";
import type { TestImage } from "../evaluation/test-set.js";
import { writeFileAtomic } from "../formats/atomic.js";
import type { FloatTensor } from "../formats/tensor.js";
import { floatingPointOperations } from "../graph/flops.js";
import { Graph } from "../graph/graph.js";
import { input } from "../graph/language.js";
import { generator, parameterCount } from "../networks/registry.js";
import { NetworkState } from "../nn/forward.js";
import { type Preparation, prepareImage } from "../translation/prepare.js";
import type { Translator } from "../translation/translator.js";

/** What a generator costs. */
export interface GeneratorCost {
  readonly netG: string;
  readonly ngf: number;
  /** Trained numbers. */
  readonly parameters: number;
  /** Multiplications of one image. */
  readonly multiplications: number;
  /** Median time of one image, from tensor to tensor. */
  readonly milliseconds: number;
  /** Of the file with its weights. */
  readonly bytes: number;
}

/** A student beside its teacher, on images that neither was trained on. */
export interface Comparison {
  readonly images: number;
  /** Of the image that costs and times are of. */
  readonly size: readonly [width: number, height: number];
  readonly teacher: GeneratorCost;
  readonly student: GeneratorCost;
  /** Mean scores: `student against teacher`; where there is truth, also `teacher against truth` and `student against truth`. */
  readonly scores: ReadonlyMap<string, Scores>;
}

export interface ComparisonRequest {
  readonly teacher: Translator;
  readonly student: Translator;
  /** At least one. */
  readonly images: readonly TestImage[];
  /** How both see the images. */
  readonly preparation: Preparation;
  /** The PNG to write: input | teacher | student, and truth where it is known. */
  readonly grid: string;
}

const SHOWN = 16;
const ACROSS = 2;

/** One image by both generators, [C, H, W] in [−1, 1], rounded as in a file. */
interface Compared {
  readonly input: FloatTensor;
  readonly teacher: FloatTensor;
  readonly student: FloatTensor;
  readonly truth: FloatTensor | undefined;
}

/**
 * Translates images with a teacher and its student, scores them, and measures what each costs.
 * @throws PixcycleError E_IMAGE_…, E_DATA_SIZE, E_SHAPE, E_FILE_WRITE
 */
export async function compare(request: ComparisonRequest): Promise<Comparison> {
  const { teacher, student, images, grid } = request;
  const scores = new Map<string, Scores[]>();
  const shown: Compared[] = [];
  for (const image of images) {
    const compared = await translated(request, image);
    if (shown.length < SHOWN) shown.push(compared);
    for (const [name, score] of scored(compared)) scores.set(name, [...(scores.get(name) ?? []), score]);
  }
  const truth = shown.every((compared) => compared.truth !== undefined);
  const rows = shown.map(({ truth: real, ...rest }) => [
    ...[rest.input, rest.teacher, rest.student],
    ...(truth ? [real!] : []),
  ]);
  const columns = ["input", "teacher", "student", ...(truth ? ["truth"] : [])];
  await writeFileAtomic(grid, await composeGrid(rows, { columns, across: ACROSS }));
  const sample = shown[0]!.input;
  const [teacherTime, studentTime] = await times([teacher, student], sample);
  return {
    images: images.length,
    size: [sample.shape[2]!, sample.shape[1]!],
    teacher: await cost(teacher, sample, teacherTime!),
    student: await cost(student, sample, studentTime!),
    scores: new Map([...scores].map(([name, list]) => [name, meanScores(list)])),
  };
}

async function translated(
  { teacher, student, preparation }: ComparisonRequest,
  image: TestImage,
): Promise<Compared> {
  const { input: loaded, truth } = await image.load();
  const { inputChannels, outputChannels } = teacher.info.architecture;
  const sized = prepareImage(loaded, inputChannels, preparation, image.name);
  const tensor = imageToTensor(sized);
  const translate = async (translator: Translator): Promise<FloatTensor> => {
    const [output] = await translator.translateTensors([tensor]);
    return imageToTensor(translator.coding.decode(output!, tensor, sized.depth));
  };
  return {
    input: tensor,
    teacher: await translate(teacher),
    student: await translate(student),
    truth: truth && imageToTensor(prepareImage(truth, outputChannels, preparation, image.name)),
  };
}

function scored({ teacher, student, truth }: Compared): [string, Scores][] {
  const scores: [string, Scores][] = [["student against teacher", scoreImage(student, teacher)]];
  if (truth === undefined) return scores;
  return [
    ...scores,
    ["teacher against truth", scoreImage(teacher, truth)],
    ["student against truth", scoreImage(student, truth)],
  ];
}

async function cost({ info }: Translator, sample: FloatTensor, milliseconds: number): Promise<GeneratorCost> {
  const { architecture, dropout, weights } = info;
  const { netG, ngf, inputChannels, outputChannels } = architecture;
  const network = generator(
    info.generator,
    { ...architecture, no_dropout: !dropout },
    inputChannels,
    outputChannels,
  );
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, "eval");
  const sides = sample.shape.slice(1).map((side) => Math.ceil(side / network.divisor) * network.divisor);
  const image = input(graph, "image", [1, inputChannels, ...sides]);
  const output = state.call("cost", () => network.forward(state, image));
  return {
    ...{ netG, ngf, milliseconds },
    parameters: parameterCount(network),
    multiplications: floatingPointOperations([output]) / 2,
    bytes: (await stat(weights)).size,
  };
}

/** Runs before those that count, and how many do. */
const WARM_UP = 2;
const TIMED = 9;

/** Median milliseconds of one image by each translator, in turns, so that both meet the same machine. */
async function times(translators: readonly Translator[], image: FloatTensor): Promise<number[]> {
  const taken: number[][] = translators.map(() => []);
  for (let round = 0; round < WARM_UP + TIMED; round++) {
    for (const [i, translator] of translators.entries()) {
      const began = performance.now();
      await translator.translateTensors([image]);
      if (round >= WARM_UP) taken[i]!.push(performance.now() - began);
    }
  }
  return taken.map((list) => list.sort((a, b) => a - b)[Math.floor(TIMED / 2)]!);
}
