import { PixcycleError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import { lookalike } from "./lookalikes.js";
import { decodePict, isPict } from "./pict.js";
import { decodeSafetensors } from "./safetensors.js";
import type { TensorMap } from "./tensor.js";
import { openTorchStream } from "./torch/legacy.js";
import { readStateDict, type TorchArchive } from "./torch/state-dict.js";
import { openTorchTar } from "./torch/tar.js";
import { openTorchZip } from "./torch/zip.js";

export interface TensorFile {
  tensors: TensorMap;
  metadata: Record<string, string>;
}

/**
 * Reads named tensors from bytes of any origin: safetensors, a PyTorch `.pth` in any of its three containers, or
 * affinelayer's `.pict`. The content decides. Names of a `.pth` are flattened with dots and lose a common `module.`; its text and numbers
 * become metadata. No code of the file is ever run.
 *
 * @throws PixcycleError E_FILE_FORMAT saying what is wrong and where; E_PICKLE_FORBIDDEN naming what a `.pth` asks
 *   for beyond data
 */
export async function readTensorSource(source: ByteSource): Promise<TensorFile> {
  const head = await source.read(0, HEAD_BYTES);
  if (isSafetensors(head)) return decodeSafetensors(await source.read(0, source.size), source.where);
  const open = CONTAINERS.find(({ matches }) => matches(head))?.open;
  if (open === undefined && isPict(head)) return { tensors: await decodePict(source), metadata: {} };
  if (open === undefined) throw unknownFile(head, source.where);
  return readStateDict(await open(source), source.size, source.where);
}

const HEAD_BYTES = 512;

const CONTAINERS: readonly {
  readonly matches: (head: Uint8Array) => boolean;
  readonly open: (source: ByteSource) => Promise<TorchArchive>;
}[] = [
  { matches: (head) => textAt(head, 0, 2) === "PK", open: openTorchZip },
  { matches: (head) => textAt(head, 257, 5) === "ustar", open: openTorchTar },
  // PROTO, the first byte of every pickle of protocol 2 and above.
  { matches: (head) => head[0] === 0x80 && head[1]! <= 5, open: openTorchStream },
];

/** A header length below 4 GB, then the header's brace. */
function isSafetensors(head: Uint8Array): boolean {
  return head.subarray(4, 8).every((byte) => byte === 0) && textAt(head, 8, 1) === "{";
}

function textAt(head: Uint8Array, begin: number, length: number): string {
  return String.fromCharCode(...head.subarray(begin, begin + length));
}

function unknownFile(head: Uint8Array, where: string): PixcycleError {
  const { problem, hint } = lookalike(head) ?? {
    problem: "it is neither safetensors nor a PyTorch file nor a .pict",
    hint: "Give a .safetensors file, or a .pth saved with torch.save(net.state_dict(), path).",
  };
  return new PixcycleError("E_FILE_FORMAT", `${where} holds no readable tensors: ${problem}.`, { hint });
}
