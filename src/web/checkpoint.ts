import { PixcycleError } from "../errors.js";
import { decodeSafetensors, encodeSafetensors } from "../formats/safetensors.js";
import type { TensorMap } from "../formats/tensor.js";
import type { ResolvedOptions } from "../options/resolve.js";
import type { TrainingPosition } from "../training/position.js";
import { version } from "../version.js";

/** The whole state of a training, in one file. */
export interface PageCheckpoint extends Pick<ResolvedOptions, "options" | "origins"> {
  readonly position: TrainingPosition;
  /** What `ModelRunner.saveState` returned. */
  readonly state: TensorMap;
}

const FORMAT = "pixcycle training 1";

/** A checkpoint as a safetensors file, whose metadata have what is no tensor. */
export function encodeCheckpoint({ state, options, origins, position }: PageCheckpoint): Blob {
  const bytes = encodeSafetensors(state, {
    ...{ format: FORMAT, writer: version },
    options: JSON.stringify(options),
    origins: JSON.stringify(origins),
    position: JSON.stringify(position),
  });
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
}

/** @throws PixcycleError E_FILE_FORMAT, E_CHECKPOINT_MISMATCH for a file that is no checkpoint of a page */
export async function decodeCheckpoint(file: Blob): Promise<PageCheckpoint> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { tensors, metadata } = decodeSafetensors(bytes, "The checkpoint");
  const { format, options, origins, position } = metadata;
  if (format !== FORMAT || options === undefined || origins === undefined || position === undefined) {
    throw new PixcycleError("E_CHECKPOINT_MISMATCH", "This file is no checkpoint of a training in a page.", {
      hint: "To go on from a network's weights, give them as weights.",
    });
  }
  return {
    state: tensors,
    options: JSON.parse(options) as PageCheckpoint["options"],
    origins: JSON.parse(origins) as PageCheckpoint["origins"],
    position: JSON.parse(position) as TrainingPosition,
  };
}
