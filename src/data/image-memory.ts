import type { ImageStore, ScaledImage } from "./image-store.js";

/** Bytes that all loading threads together may keep, and in `used` how many they do: one number that all can change. */
export interface ImageBudget {
  readonly limit: number;
  readonly used: SharedArrayBuffer;
}

/** A kept image with its key, as threads tell each other. Its samples are in shared memory. */
export type KeptImage = ScaledImage & { readonly key: string };

/** What the option takes of the memory that is free when the loading begins, if it is left to itself. */
const AUTOMATIC_SHARE = 1 / 4;

/**
 * The budget that `image_memory` stands for.
 * @param mebibytes −1 for a quarter of what is free, 0 for none
 */
export function imageBudget(mebibytes: number, available = process.availableMemory()): ImageBudget {
  const limit = mebibytes < 0 ? available * AUTOMATIC_SHARE : mebibytes * 2 ** 20;
  return { limit, used: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT) };
}

/**
 * Decoded and resized images in shared memory, so that later epochs only crop and flip. What is full stays as it is: in
 * shuffled epochs any image is as likely to be asked for as another.
 */
export class ImageMemory implements ImageStore {
  private readonly images = new Map<string, ScaledImage>();
  private readonly used: BigInt64Array;
  private fresh: KeptImage[] = [];

  constructor(private readonly budget: ImageBudget) {
    this.used = new BigInt64Array(budget.used);
  }

  get(key: string): ScaledImage | undefined {
    return this.images.get(key);
  }

  /** Copies an image, if there is room for it. */
  keep(key: string, { width, height, scaled }: ScaledImage): void {
    const bytes = scaled.data.byteLength;
    if (this.images.has(key) || !this.reserve(bytes)) return;
    const buffer = new SharedArrayBuffer(bytes);
    const data = scaled.depth === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer);
    data.set(scaled.data);
    const kept = { key, width, height, scaled: { ...scaled, data } };
    this.images.set(key, kept);
    this.fresh.push(kept);
  }

  /** What was kept since the last call, for the other threads. */
  takeFresh(): readonly KeptImage[] {
    return this.fresh.splice(0);
  }

  /** Takes over what another thread keeps. */
  add(images: readonly KeptImage[]): void {
    for (const image of images) if (!this.images.has(image.key)) this.images.set(image.key, image);
  }

  private reserve(bytes: number): boolean {
    const before = Atomics.add(this.used, 0, BigInt(bytes));
    if (Number(before) + bytes <= this.budget.limit) return true;
    Atomics.sub(this.used, 0, BigInt(bytes));
    return false;
  }
}
