// Emoji of two unrelated designers, unpaired: shapes and poses differ, only the meaning is shared.
import { iconifySet, isHeldOut, onWhite } from "./icons.mjs";
import { PACKAGES } from "./packages.mjs";

const COUNTRY_FLAG = /^1f1(e[6-9a-f]|f[0-9a-f])(-|$)/;

/**
 * Twemoji ↔ Noto. Test folders hold the code points that are held out and in both sets, in one order: the same
 * meaning, not the same drawing, so compare by distribution or by eye and not pixel by pixel.
 */
export async function* emojiStyle(size) {
  const sets = { A: await iconifySet(PACKAGES.twemoji), B: await iconifySet(PACKAGES.noto) };
  for (const [side, set] of Object.entries(sets)) {
    for (const [key, icon] of set) {
      if (COUNTRY_FLAG.test(key)) continue;
      const heldOut = isHeldOut(key);
      if (heldOut && !(sets.A.has(key) && sets.B.has(key))) continue;
      const split = `${heldOut ? "test" : "train"}${side}`;
      yield { split, name: key, size, rgb: onWhite(await icon.raster(size)) };
    }
  }
}
