import { type Examination, examineDataset } from "../../data/doctor/examine.js";
import { isOneSided } from "../../data/doctor/inventory.js";
import { contactSheet } from "../../data/doctor/sheet.js";
import { composeGrid } from "../../evaluation/grid.js";
import { writeFileAtomic } from "../../formats/atomic.js";
import { counted } from "../../formats/words.js";
import { defaults, presets } from "../../options/presets.js";
import { givenOptions } from "../../options/resolve.js";
import type { OptionName } from "../../options/schema.js";
import type { CommandCall, CommandFlag, CommandOutput } from "../command.js";
import { text } from "../flags.js";
import { imageCounter } from "./counter.js";

/** Options of the schema that `data check` looks at. */
export const checkOptions: readonly OptionName[] = [
  "dataset_mode",
  "preprocess",
  "load_size",
  "crop_size",
  "batch_size",
  "input_nc",
  "output_nc",
  "max_dataset_size",
];

/** Flags of `data check`. */
export const checkFlags: readonly CommandFlag[] = [
  { name: "sheet", value: "FILE", summary: "check: write a picture of thumbnails, what was noticed first" },
];

/** Rows of a contact sheet, and how many stand side by side. */
const SHEET_ROWS = 40;
const SHEET_ACROSS = 4;
/** Files that are named under a finding; `--json` has them all. */
const FILES_SHOWN = 5;

/** Looks into a data set. The exit status is 1 where there are problems. */
export async function runCheck(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<number> {
  const given = givenOptions(await call.sources());
  const options = { ...defaults, ...presets["torch-pix2pix"], ...given, dataroot: call.args[1] ?? "" };
  const counter = imageCounter(output, "looked at");
  const found = await examineDataset(
    { ...options, dataset_mode: given.dataset_mode },
    { onImage: counter.onImage, signal },
  ).finally(counter.end);
  const sheet = text(call, "sheet");
  if (sheet !== undefined) await writeSheet(found, sheet);
  const problems = found.findings.filter(({ severity }) => severity === "problem").length;
  if (output.json) {
    const { looked: _, ...report } = found;
    output.result(JSON.stringify({ ...report, problems, ...(sheet !== undefined && { sheet }) }));
  } else {
    for (const line of reportLines(found, problems)) output.result(line);
    output.result(sheet === undefined ? "see for yourself: add --sheet sheet.png" : `thumbnails: ${sheet}`);
  }
  return problems > 0 ? 1 : 0;
}

async function writeSheet(found: Examination, path: string): Promise<void> {
  const rows = await contactSheet(found, SHEET_ROWS);
  if (rows.length === 0) return;
  const columns = isOneSided(found.mode) ? [] : ["A", "B"];
  await writeFileAtomic(path, await composeGrid(rows, { columns, across: SHEET_ACROSS, scale: 1 }));
}

const MODES = {
  aligned: "pairs",
  unaligned: "two folders without pairs",
  single: "a folder of images",
  colorization: "colour images",
};

function reportLines(found: Examination, problems: number): string[] {
  const { root, mode, because, phases, kinds, findings } = found;
  const parts = phases.map(({ name, A, B }) => {
    const count =
      mode === "unaligned" ? `${A} + ${B} images` : `${A} ${isOneSided(mode) ? "images" : "pairs"}`;
    return `${name} ${count}`.trim();
  });
  const named = Object.entries(kinds).map(([kind, count]) => `${kind} (${count})`);
  const more = named.length > 4 ? `, and ${named.length - 4} other sizes or kinds` : "";
  const lines = [
    `${root}: ${MODES[mode]} (${because}): ${parts.join(", ")}`,
    `images: ${named.slice(0, 4).join(", ")}${more}`,
  ];
  for (const { severity, topic, message, hint, files } of findings) {
    lines.push(`${severity.padEnd(7)}  ${topic}: ${message} ${hint}`);
    for (const file of files.slice(0, FILES_SHOWN)) lines.push(`           ${file}`);
    if (files.length > FILES_SHOWN)
      lines.push(`           and ${files.length - FILES_SHOWN} more: see --json`);
  }
  const warnings = findings.length - problems;
  return [...lines, `${counted(problems, "problem")}, ${counted(warnings, "warning")}`];
}
