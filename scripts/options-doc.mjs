// node scripts/options-doc.mjs [--check]
// Writes docs/options.md from the option schema, the presets and the commands; with --check, only says whether it is
// current. Needs `npm run build` first.
import { readFileSync, writeFileSync } from "node:fs";
import { registry } from "../dist/cli/registry.js";
import { isSwitch, lookUpOption, negationOf, otherSpellings } from "../dist/options/names.js";
import { defaults, presetOfModel, presets } from "../dist/options/presets.js";
import { allOptions, optionGroups } from "../dist/options/schema.js";
import { choicesOf, describeExpected } from "../dist/options/values.js";

const FILE = new URL("../docs/options.md", import.meta.url);

const INTRO = `# Options

<!-- Made by scripts/options-doc.mjs from src/options/ and src/cli/commands/: change those, then run \`npm run docs\`. -->

Options have the names of the reference implementation. They can be given in four places; what stands further down
in this list wins:

1. the defaults below;
2. the preset: a complete set of defaults, picked by \`--model\` (\`pix2pix\`: \`torch-pix2pix\`, \`cycle_gan\`:
   \`torch-cyclegan\`) or by \`--preset\`;
3. a JSON file, \`--config FILE\`: \`{"netG": "unet_128", "lr": 0.0001}\`; the \`config.json\` of a run works too;
4. the command line, or the object given to a function of the library.

With \`--continue_train\`, the options of the earlier run take the place of 1 and 2.

On the command line, \`--load_size 286\`, \`--load-size 286\` and \`--load_size=286\` are the same. A switch is on by its bare
name and off by its negation: \`--no_flip\` and \`--flip\`, \`--continue_train\` and \`--no_continue_train\`. In a file and in the
library a switch is \`true\` or \`false\`.
`;

const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const code = (text) => `\`${String(text).replaceAll("|", "\\|")}\``;

function values(name) {
  if (isSwitch(name)) return `switch; off: ${code(`--${negationOf(name)}`)}`;
  const choices = choicesOf(name);
  return choices === undefined
    ? describeExpected(name).replace(/\^.*\$$/, code)
    : choices.map(code).join(" ");
}

/** Options without a default, and when they are needed. */
const UNSET = { dataroot: "must be given", vgg_weights: "must be given for vgg16_unet, no other uses it" };

function defaultOf(name) {
  const shown = (value) => (value === "" ? UNSET[name] : code(value));
  if (name === "model") return "one of the two must be given";
  if (name === "preset") return "that of the model";
  if (name in defaults) return shown(defaults[name]);
  const [pix2pix, cycleGan] = ["pix2pix", "cycle_gan"].map((model) => presets[presetOfModel[model]][name]);
  return pix2pix === cycleGan ? shown(pix2pix) : `pix2pix ${shown(pix2pix)}, cycle_gan ${shown(cycleGan)}`;
}

const groups = optionGroups.map(({ title, options }) => {
  const rows = Object.keys(options).map((name) => [
    code(name),
    allOptions[name].description,
    values(name),
    defaultOf(name),
  ]);
  return `## ${title}\n\n${table(["option", "", "values", "default"], rows)}\n`;
});

/** What a preset sets otherwise than the one that `--model` alone stands for. */
function differences(preset) {
  const base = presets[presetOfModel[presets[preset].model]];
  const other = Object.entries(presets[preset]).filter(([name, value]) => value !== base[name]);
  return other.length === 0
    ? "the defaults below"
    : other.map(([name, value]) => code(`${name} ${value}`)).join(", ");
}

const presetTable = `## Presets

${table(
  ["preset", "for", "what it sets"],
  Object.keys(presets).map((name) => [code(name), code(presets[name].model), differences(name)]),
)}
`;

const looked = otherSpellings.map((spelling) => [spelling, lookUpOption(spelling)]);
const aliases = looked.filter(([, found]) => found.kind === "option" && !found.negated);
const ignored = looked.filter(([, found]) => found.kind === "ignored");
const other = `## Other names

Options of the reference implementation that have another name here, or change nothing; the latter are accepted with a
warning.

${table(
  ["option", ""],
  [
    ...aliases.map(([spelling, { name }]) => [code(spelling), `the same as ${code(name)}`]),
    ...ignored.map(([spelling, { why }]) => [code(spelling), `ignored: ${why}`]),
  ],
)}
`;

async function describeCommand({ name, summary, load }) {
  const { command } = await load();
  const usage = ["pixcycle", name, command.arguments ?? ""].join(" ").trim();
  const own = (command.flags ?? []).map((flag) => [
    code(flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`),
    flag.summary + (flag.required === true ? "; must be given" : ""),
  ]);
  const all = command.options.length === Object.keys(allOptions).length;
  const taken = all ? "all of the above" : command.options.map(code).join(", ");
  const parts = [`### ${code(usage)}`, `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`];
  if (own.length > 0) parts.push(table(["flag", ""], own));
  if (command.options.length > 0) parts.push(`Options: ${taken}.`);
  if (command.examples !== undefined)
    parts.push(command.examples.map((example) => `    pixcycle ${example}`).join("\n"));
  return `${parts.join("\n\n")}\n`;
}

const commands = `## Commands

Every command also has \`--json\` (results for machines, on stdout), \`--debug\` (the stack of an error), \`--no_color\` and
\`--help\`; those with options have \`--config\`. Results go to stdout, progress and warnings to stderr.

${(await Promise.all(registry.map(describeCommand))).join("\n")}`;

const text = [INTRO, presetTable, ...groups, other, commands].join("\n");
if (!process.argv.includes("--check")) writeFileSync(FILE, text);
else if (readFileSync(FILE, "utf8") !== text) {
  console.error("docs/options.md is not current: run npm run docs");
  process.exitCode = 1;
}
