import threeD from "../../assets/builtin/3d.webp";
import flat from "../../assets/builtin/flat.png";
import index from "../../assets/builtin/icons.json";
import type { FoundImage } from "./folders.js";

const SHEETS = { flat, "3d": threeD } as const;

/** A style of the built-in icons: Microsoft's Fluent Emoji (MIT). */
export type BuiltinSide = keyof typeof SHEETS;

/** The icons to train on, in one style, as files that can be kept. */
export async function builtinImages(side: BuiltinSide): Promise<FoundImage[]> {
  const response = await fetch(SHEETS[side]);
  const sheet = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
  const { size, columns, icons } = index;
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const images: FoundImage[] = [];
  for (const [position, { name, split }] of icons.entries()) {
    if (split !== "train") continue;
    const [x, y] = [(position % columns) * size, Math.floor(position / columns) * size];
    context.clearRect(0, 0, size, size);
    context.drawImage(sheet, x, y, size, size, 0, 0, size, size);
    images.push({ name: `${name}.png`, image: await canvas.convertToBlob() });
  }
  return images;
}
