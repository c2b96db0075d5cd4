import { PixcycleError } from "../errors.js";
import { cautions, checkConflicts, concessions } from "./conflicts.js";
import { lookUpOption } from "./names.js";
import { defaults, presetOfModel, presets } from "./presets.js";
import type { ModelName, OptionName, Options, PresetName } from "./schema.js";
import { checkValue, parseValue } from "./values.js";

/** Where a value came from. `derived`: it gave way to another option that the user set. */
export type OptionOrigin = "default" | "preset" | "file" | "flag" | "derived";

/** Options of which any may be left out. */
export type OptionValues = Partial<Options>;

/** Complete options, and where each came from. */
export interface ResolvedOptions {
  readonly options: Options;
  readonly origins: Readonly<Record<OptionName, OptionOrigin>>;
  /** One line each, for the person: ignored options, values that gave way. */
  readonly warnings: readonly string[];
}

/** Where options are read from. */
export interface OptionSources {
  /** Values given to the command or to the library's function; they win. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Values of a configuration file. */
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> };
  /** The options of the run that is continued: they take the place of preset and defaults. */
  readonly run?: Pick<ResolvedOptions, "options" | "origins">;
}

/**
 * Makes the complete options of a run: defaults, then the preset, then the file, then the flags.
 * `--model` alone picks its preset. Names may use `-` or `_`; the reference's aliases and negations are known.
 * @throws PixcycleError E_OPTION for an unknown name or a bad value, E_OPTION_CONFLICT for a contradiction
 */
export function resolveOptions(sources: OptionSources): ResolvedOptions {
  const warnings: string[] = [];
  const path = sources.file?.path;
  const file = readValues(sources.file?.values ?? {}, (name) => `"${name}" in ${path}`, warnings);
  const flags = readValues(sources.flags ?? {}, (name) => `--${name}`, warnings);

  const base = sources.run === undefined ? baseOptions({ ...file, ...flags }) : completed(sources.run);
  const options: Options = { ...base.options, ...file, ...flags };
  const origins = { ...base.origins };
  for (const name of Object.keys(file) as OptionName[]) origins[name] = "file";
  for (const name of Object.keys(flags) as OptionName[]) origins[name] = "flag";
  const isUsers = (name: OptionName) => origins[name] === "file" || origins[name] === "flag";

  for (const { name, value, why } of concessions(options, isUsers)) {
    Object.assign(options, { [name]: value });
    origins[name] = "derived";
    warnings.push(`${name} is ${value}: ${why}.`);
  }
  if (presets[options.preset].model !== options.model) {
    throw new PixcycleError("E_OPTION_CONFLICT", `Preset ${options.preset} is not for ${options.model}.`, {
      hint: `Use --preset ${presetOfModel[options.model]}, or leave one of the two out.`,
    });
  }
  checkConflicts(options);
  warnings.push(...cautions(options));
  return { options, origins, warnings };
}

/** What file and flags set, checked, before any default; flags win. Throws as `resolveOptions` does. */
export function givenOptions(sources: OptionSources): OptionValues {
  const path = sources.file?.path;
  const file = readValues(sources.file?.values ?? {}, (name) => `"${name}" in ${path}`, []);
  return { ...file, ...readValues(sources.flags ?? {}, (name) => `--${name}`, []) };
}

/** Reads names and values as a person wrote them; text is converted to the option's type only where it must be. */
function readValues(
  values: Readonly<Record<string, unknown>>,
  where: (name: string) => string,
  warnings: string[],
): OptionValues {
  const result: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const found = lookUpOption(written);
    if (found.kind === "ignored") {
      warnings.push(`${where(written)} is ignored: ${found.why}.`);
    } else if (found.kind === "unknown") {
      throw unknownOption(where(written), found.suggestion);
    } else {
      const { name, negated } = found;
      const read = typeof value === "string" ? parseValue : checkValue;
      const checked = read(name, value as string, where(written));
      result[name] = negated ? !checked : checked;
      // The reference's model of this name is pix2pix on this data set.
      if (name === "model" && value === "colorization") result.dataset_mode ??= value;
    }
  }
  return result as OptionValues;
}

/** The error for a name that no option has. */
export function unknownOption(where: string, suggestion: string | undefined): PixcycleError {
  const dashes = where.startsWith("--") ? "--" : "";
  const hint =
    suggestion === undefined ? "See --help for the options." : `Did you mean ${dashes}${suggestion}?`;
  return new PixcycleError("E_OPTION", `There is no option ${where}.`, { hint });
}

function baseOptions(given: OptionValues): Pick<ResolvedOptions, "options" | "origins"> {
  const preset = given.preset ?? presetFor(given.model);
  const options: Options = { ...defaults, ...presets[preset], preset };
  const origins = Object.fromEntries(
    Object.keys(options).map((name) => [name, name in defaults ? "default" : "preset"]),
  ) as Record<OptionName, OptionOrigin>;
  return { options, origins };
}

/** A run that was begun before an option came to be has its preset's value. */
function completed({
  options,
  origins,
}: Pick<ResolvedOptions, "options" | "origins">): Pick<ResolvedOptions, "options" | "origins"> {
  const base = baseOptions({ preset: options.preset });
  return { options: { ...base.options, ...options }, origins: { ...base.origins, ...origins } };
}

function presetFor(model: ModelName | undefined): PresetName {
  if (model !== undefined) return presetOfModel[model];
  throw new PixcycleError("E_OPTION", "No model is chosen.", {
    hint: "Give --model pix2pix (pairs) or --model cycle_gan (unpaired folders).",
  });
}
