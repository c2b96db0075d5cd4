import { z } from "zod";
import { PixcycleError } from "../errors.js";
import { allOptions, type OptionName } from "./schema.js";

/** Other ways to write a choice. */
const choiceAliases: Partial<Record<OptionName, Record<string, string>>> = {
  model: { cyclegan: "cycle_gan", CycleGAN: "cycle_gan", colorization: "pix2pix" },
};

/**
 * Checks one value of an option.
 * @param where what the message calls the option: `--lr`, or `"lr" in my.json`
 * @throws PixcycleError E_OPTION with what was expected and what was got
 */
export function checkValue(name: OptionName, value: unknown, where: string): unknown {
  const written = typeof value === "string" ? (choiceAliases[name]?.[value] ?? value) : value;
  const parsed = allOptions[name].safeParse(written);
  if (parsed.success) return parsed.data;
  throw new PixcycleError("E_OPTION", `${where} expects ${describeExpected(name)}, got ${show(value)}.`);
}

/** Reads the value of an option from text, as on the command line. Throws as `checkValue` does. */
export function parseValue(name: OptionName, text: string, where: string): unknown {
  const { type } = allOptions[name];
  if (type === "number") {
    const number = text.trim() === "" ? Number.NaN : Number(text);
    return checkValue(name, Number.isNaN(number) ? text : number, where);
  }
  if (type === "boolean") {
    return checkValue(name, text === "true" ? true : text === "false" ? false : text, where);
  }
  return checkValue(name, text, where);
}

interface ValueSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

function valueSchema(name: OptionName): ValueSchema {
  return z.toJSONSchema(allOptions[name]) as ValueSchema;
}

/** The choices of an option that has a fixed list of them. */
export function choicesOf(name: OptionName): readonly string[] | undefined {
  return valueSchema(name).enum;
}

/** What an option accepts, in words: `a whole number from 1 to 8`, `one of basic, n_layers, pixel`. */
export function describeExpected(name: OptionName): string {
  const schema = valueSchema(name);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  if (schema.type === "boolean") return "true or false";
  if (schema.pattern !== undefined) return `text that matches ${schema.pattern}`;
  if (schema.type === "string") return "text";
  const noun = schema.type === "integer" ? "a whole number" : "a number";
  const { minimum, exclusiveMinimum, exclusiveMaximum } = schema;
  const maximum = schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum;
  if (minimum !== undefined && maximum !== undefined) return `${noun} from ${minimum} to ${maximum}`;
  const bounds = [
    minimum === undefined ? undefined : `at least ${minimum}`,
    exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`,
    maximum === undefined ? undefined : `at most ${maximum}`,
    exclusiveMaximum === undefined ? undefined : `below ${exclusiveMaximum}`,
  ].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? noun : `${noun} ${bounds.join(" and ")}`;
}

function show(value: unknown): string {
  const text = typeof value === "string" ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
