import type { Image } from "./pixels.js";

/** An image of a data set as it is before the crop, and the size that it was decoded with. */
export interface ScaledImage {
  readonly width: number;
  readonly height: number;
  readonly scaled: Image;
}

/** Where scaled images are kept from epoch to epoch. */
export interface ImageStore {
  get(key: string): ScaledImage | undefined;
  keep(key: string, image: ScaledImage): void;
}
