import { asProblem, type CheckableOptions, checkFiles, type DatasetReport } from "./check-files.js";
import { decodeImage, readImageHeader } from "./image.js";
import { scanDataset } from "./layout.js";
import type { Scan } from "./pairing.js";

export interface CheckOptions {
  /** Decode every image, which finds files cut short or damaged inside; by default only headers are read. */
  readonly decode?: boolean;
  /** When aborted, no further file is looked into: the report is of those before. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks into every file of a data set before anything is trained, and reports every problem instead of the first:
 * folders, pairs, files that cannot be read, wrong channels, sizes that do not go together.
 */
export async function checkDataset(
  options: CheckableOptions,
  check: CheckOptions = {},
): Promise<DatasetReport> {
  let scan: Scan;
  try {
    scan = await scanDataset(options);
  } catch (error) {
    return { images: 0, sizes: [], problems: [asProblem(error)] };
  }
  const look = async (path: string) => {
    const header = await readImageHeader(path);
    if (check.decode) await decodeImage(path);
    return header;
  };
  return checkFiles(options, scan, look, check.signal);
}
