import { join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { counted } from "../../formats/words.js";
import { checkDataset } from "../check.js";
import { runAll } from "../check-files.js";
import { type DatasetFiles, findSides, isFolder, listImages, pairByName, scanDataset } from "../layout.js";
import type { DatasetOptions } from "../sample.js";
import { contentFindings, kindOf, sizeFindings } from "./content.js";
import { type Finding, groupBy, problemOf, warning } from "./findings.js";
import { type DatasetMode, otherFiles, takeInventory } from "./inventory.js";
import { itemsOf, type Looked, lookAt } from "./look.js";
import { duplicateFindings, swapFindings } from "./similar.js";

export type ExamineOptions = Omit<DatasetOptions, "dataset_mode" | "phase"> & {
  /** The layout, where it is not to be guessed. */
  readonly dataset_mode: DatasetMode | undefined;
  readonly batch_size: number;
};

export interface PhaseReport {
  readonly name: string;
  /** Images of each side; a side-by-side file counts for both. */
  readonly A: number;
  readonly B: number;
}

export interface Examination {
  readonly root: string;
  readonly mode: DatasetMode;
  readonly because: string;
  readonly phases: readonly PhaseReport[];
  /** Files that were read and decoded. */
  readonly files: number;
  /** What there is of each size and kind, the most first: `256×256 RGB` to its images. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly looked: readonly Looked[];
}

export interface ExamineWatcher {
  onImage(done: number, total: number): void;
  readonly signal: AbortSignal;
}

/**
 * Looks into every file of a data set before anything is trained: names and pairs, sizes, channels, damage, duplicates
 * within and between its parts, sides that look exchanged. Nothing is changed.
 *
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY where there is no data set at all
 */
export async function examineDataset(options: ExamineOptions, watcher: ExamineWatcher): Promise<Examination> {
  const { dataroot } = options;
  const { mode, because, phases } = await takeInventory(dataroot, options.dataset_mode);
  const findings: Finding[] = [];
  const work: { readonly phase: string; readonly files: DatasetFiles }[] = [];
  // Sides stay as they are on disk, whatever the direction: findings name folders.
  const plain = { ...options, dataset_mode: mode, direction: "AtoB" as const };
  for (const phase of phases) {
    const here = { ...plain, phase };
    const { problems } = await checkDataset(here);
    findings.push(...problems.filter(({ code }) => code !== "E_DATA_PAIR").map(problemOf));
    findings.push(...(await pairFindings(dataroot, phase, mode)));
    const files = await scanDataset(here).then(
      (scan) => scan.files,
      () => undefined, // The check above has reported why.
    );
    if (files !== undefined) work.push({ phase, files });
  }
  const { looked, files } = await lookAtAll(work, findings, watcher);
  findings.push(
    ...duplicateFindings(looked, mode),
    ...swapFindings(looked, mode),
    ...contentFindings(looked),
    ...sizeFindings(looked, options),
    ...(await restFindings(dataroot, mode, phases)),
  );
  findings.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
  const countOf = (phase: string, side: string) =>
    looked.filter((image) => image.phase === phase && image.side === side).length;
  return {
    root: dataroot,
    mode,
    because,
    phases: phases.map((name) => ({ name, A: countOf(name, "A"), B: countOf(name, "B") })),
    files,
    kinds: kindsOf(looked),
    findings,
    looked,
  };
}

async function lookAtAll(
  work: readonly { readonly phase: string; readonly files: DatasetFiles }[],
  findings: Finding[],
  { onImage, signal }: ExamineWatcher,
): Promise<{ looked: Looked[]; files: number }> {
  const items = work.flatMap(({ phase, files }) => itemsOf(files).map((item) => ({ item, phase })));
  const found: Looked[][] = new Array(items.length);
  const known = new Set(findings.map(({ message }) => message));
  let done = 0;
  await runAll([...items.entries()], async ([index, { item, phase }]) => {
    signal.throwIfAborted();
    try {
      found[index] = await lookAt(item, phase);
    } catch (error) {
      if (!(error instanceof PixcycleError)) throw error;
      if (!known.has(error.message)) findings.push(problemOf(error));
    }
    onImage(++done, items.length);
  });
  return { looked: found.flat(), files: items.length };
}

/** Names that do not pair, all of them. */
async function pairFindings(root: string, phase: string, mode: DatasetMode): Promise<Finding[]> {
  if (mode !== "aligned" || (await isFolder(join(root, phase)))) return [];
  const sides = await findSides(root, phase);
  if (sides === undefined) return [];
  const lists = await Promise.all([listImages(sides.A), listImages(sides.B)]).catch(() => undefined);
  if (lists === undefined) return [];
  const { unmatched, ambiguous } = pairByName(sides, ...lists);
  const problem = (message: string, hint: string, files: string[]): Finding[] =>
    files.length === 0 ? [] : [{ severity: "problem", topic: "E_DATA_PAIR", message, hint, files }];
  const inCase = pairByName(sides, ...(lists.map(lower) as [string[], string[]])).unmatched.length;
  const caseHint = inCase < unmatched.length ? " Some differ only in capitals." : "";
  return [
    ...problem(
      `${counted(unmatched.length, "image")} of ${phase} without a partner of the same name.${caseHint}`,
      "Rename or remove them; for unpaired folders give --dataset_mode unaligned.",
      unmatched,
    ),
    ...problem(
      `${counted(ambiguous.length, "image")} of ${phase} whose names differ only in their endings.`,
      "Keep one image of each name in a folder.",
      ambiguous,
    ),
  ];
}

const lower = (names: readonly string[]) => [...new Set(names.map((name) => name.toLowerCase()))];

/** What belongs to no image. */
async function restFindings(root: string, mode: DatasetMode, phases: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const others = await otherFiles(root);
  if (others.length > 0) {
    const message = `${counted(others.length, "file")} among the images that no reader takes for one, by name.`;
    const hint = "Rename images so that their endings say what they are.";
    const paths = others.map((file) => join(root, file));
    findings.push(warning("other files", message, hint, paths));
  }
  if (mode !== "single" && !phases.includes("test") && !phases.includes("val")) {
    const hint = "Keep images back to judge the model by: see pixcycle data split.";
    findings.push(warning("no test part", "There is neither a val nor a test part.", hint));
  }
  return findings;
}

function kindsOf(looked: readonly Looked[]): Record<string, number> {
  const kinds = groupBy(looked, ({ width, height, channels, depth }) => {
    return `${width}×${height} ${kindOf(channels, depth)}`;
  });
  return Object.fromEntries(kinds.map(([kind, images]) => [kind, images.length]));
}
