import { readFile } from "node:fs/promises";
import { PixcycleError } from "../errors.js";

/**
 * Reads a configuration file: a JSON object of option names and values.
 * A run's own `config.json` (which keeps its values under `options`) is accepted too.
 * @throws PixcycleError E_FILE_MISSING, or E_FILE_FORMAT when it is not a JSON object
 */
export async function readConfigFile(
  path: string,
): Promise<{ path: string; values: Record<string, unknown> }> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new PixcycleError("E_FILE_MISSING", `Cannot read the configuration file ${path}.`, {
      hint: "Give --config the path of a JSON file.",
      cause,
    });
  });
  const config = parseObject(text, path);
  const { options } = config;
  return { path, values: isObject(options) ? options : config };
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    throw new PixcycleError("E_FILE_FORMAT", `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  throw new PixcycleError("E_FILE_FORMAT", `${path} must hold one JSON object of option names and values.`, {
    hint: 'For example {"model": "pix2pix", "lr": 0.0002}.',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
