import { PixcycleError } from "../../errors.js";
import { nearest } from "../../options/names.js";

/** The two collections of the papers' authors; a name can be in both. */
export type Collection = "cyclegan" | "pix2pix";

/** A file that can be fetched by name. */
export interface RemoteFile {
  /** As the authors call it: `horse2zebra`. */
  readonly name: string;
  readonly collection: Collection;
  readonly kind: "zip" | "tar.gz" | "pth";
  /** The authors' own host. */
  readonly url: string;
  /** Size where it is known, in bytes. */
  readonly bytes?: number;
  /** Folders that the extracted set must have. */
  readonly folders: readonly string[];
  /** How to train on it, or what it does. */
  readonly note: string;
}

const CYCLEGAN = "https://efrosgans.eecs.berkeley.edu/cyclegan";
const PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix";

const ZIP_BYTES: Readonly<Record<string, number>> = {
  apple2orange: 78_456_409,
  summer2winter_yosemite: 132_640_856,
  horse2zebra: 116_867_962,
  monet2photo: 305_231_073,
  cezanne2photo: 279_885_071,
  ukiyoe2photo: 292_946_532,
  vangogh2photo: 306_590_349,
  maps: 1_476_754_427,
  cityscapes: 279_601_602,
  facades: 35_135_868,
  iphone2dslr_flower: 339_964_458,
};

const TAR_NOTES: Readonly<Record<string, string>> = {
  facades: "pairs; label to photo is --direction BtoA",
  maps: "pairs, aerial photo | map",
  edges2shoes: "pairs, edges | photo",
  edges2handbags: "pairs, edges | photo",
  night2day: "pairs, night | day",
};

/** Every data set that `pixcycle data get` knows. */
export const dataSets: readonly RemoteFile[] = [
  ...Object.entries(ZIP_BYTES).map(
    ([name, bytes]): RemoteFile => ({
      name,
      collection: "cyclegan",
      kind: "zip",
      url: `${CYCLEGAN}/datasets/${name}.zip`,
      bytes,
      folders: ["trainA", "trainB", "testA", "testB"],
      note: "unpaired: trainA, trainB, testA, testB",
    }),
  ),
  ...Object.entries(TAR_NOTES).map(
    ([name, note]): RemoteFile => ({
      name,
      collection: "pix2pix",
      kind: "tar.gz",
      url: `${PIX2PIX}/datasets/${name}.tar.gz`,
      folders: ["train"],
      note,
    }),
  ),
];

const CYCLEGAN_MODELS = [
  "apple2orange",
  "orange2apple",
  "summer2winter_yosemite",
  "winter2summer_yosemite",
  "horse2zebra",
  "zebra2horse",
  "monet2photo",
  "style_monet",
  "style_cezanne",
  "style_ukiyoe",
  "style_vangogh",
  "sat2map",
  "map2sat",
  "cityscapes_photo2label",
  "cityscapes_label2photo",
  "facades_photo2label",
  "facades_label2photo",
  "iphone2dslr_flower",
];
const PIX2PIX_MODELS = ["edges2shoes", "sat2map", "map2sat", "facades_label2photo", "day2night"];

/** Every pretrained generator that `pixcycle model get` knows. */
export const pretrainedModels: readonly RemoteFile[] = [
  ...CYCLEGAN_MODELS.map((name) =>
    generator(name, "cyclegan", `${CYCLEGAN}/pretrained_models/${name}.pth`, "ResNet with 9 blocks"),
  ),
  ...PIX2PIX_MODELS.map((name) =>
    generator(name, "pix2pix", `${PIX2PIX}/models-pytorch/${name}.pth`, "U-Net 256"),
  ),
];

function generator(name: string, collection: Collection, url: string, note: string): RemoteFile {
  return { name, collection, kind: "pth", url, folders: [], note };
}

/** The name that tells a file from all others: `horse2zebra`, or `pix2pix/maps` where both collections have one. */
export function fullName(file: RemoteFile, catalogue: readonly RemoteFile[]): string {
  const alone = catalogue.filter(({ name }) => name === file.name).length === 1;
  return alone ? file.name : `${file.collection}/${file.name}`;
}

/** The name of its folder or file on this machine, without an ending: `horse2zebra`, `pix2pix-maps`. */
export function localName(file: RemoteFile, catalogue: readonly RemoteFile[]): string {
  return fullName(file, catalogue).replace("/", "-");
}

/**
 * Finds a file by `name` or `collection/name`.
 *
 * @throws PixcycleError E_OPTION for an unknown name, with the nearest, and for one that both collections have
 */
export function findRemote(name: string, catalogue: readonly RemoteFile[]): RemoteFile {
  const found = catalogue.filter((file) => name === file.name || name === `${file.collection}/${file.name}`);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const choices = found.map((file) => `${fullName(file, catalogue)} (${file.note})`);
    throw new PixcycleError("E_OPTION", `There are two of the name ${name}: ${choices.join(" and ")}.`, {
      hint: "Give the whole name.",
    });
  }
  const names = catalogue.map((file) => fullName(file, catalogue));
  const suggestion = nearest(name, names);
  throw new PixcycleError("E_OPTION", `"${name}" is not in the list.`, {
    hint: suggestion === undefined ? `There are ${names.sort().join(", ")}.` : `Did you mean ${suggestion}?`,
  });
}

/**
 * The addresses to try in order: the mirrors, then the authors' host. A mirror is the folder that takes the place of
 * the host (`MIRROR/cyclegan/datasets/NAME.zip`), or the address of the file itself.
 *
 * @param mirrors addresses separated by commas
 * @throws PixcycleError E_OPTION for one that is not an http or https address
 */
export function addresses(file: RemoteFile, mirrors: string | undefined): string[] {
  const { pathname } = new URL(file.url);
  const given = (mirrors ?? "").split(",").filter((mirror) => mirror.trim() !== "");
  const ofMirrors = given.map((mirror) => {
    const url = URL.canParse(mirror.trim()) ? new URL(mirror.trim()) : undefined;
    if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
      throw new PixcycleError("E_OPTION", `--mirror expects an http or https address, got "${mirror}".`, {
        hint: "For example --mirror https://example.org/datasets.",
      });
    }
    if (!url.pathname.endsWith(`.${file.kind}`)) url.pathname = url.pathname.replace(/\/+$/, "") + pathname;
    return url.href;
  });
  return [...ofMirrors, file.url];
}
