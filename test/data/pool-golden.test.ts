import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ImagePool } from "../../src/data/pool.js";
import { toFloatTensor } from "../../src/formats/weights.js";
import { RandomStream } from "../../src/random/philox.js";

interface PoolGolden {
  readonly pool_size: number;
  readonly batch: number;
  readonly queries: { images: number[]; draws: { p: number; index: number | null }[]; returned: number[] }[];
  readonly stored: number[];
}

const goldens = JSON.parse(
  readFileSync(new URL("../fixtures/goldens/pool.json", import.meta.url), "utf8"),
) as PoolGolden[];

/** Gives the recorded draws instead of random ones. */
class RecordedDraws extends RandomStream {
  constructor(private readonly draws: { p: number; index: number | null }[]) {
    super(0, "recorded");
  }
  private current: { p: number; index: number | null } | undefined;
  override uniform(): number {
    this.current = this.draws.shift()!;
    return this.current.p;
  }
  override int(): number {
    return this.current!.index!;
  }
}

it.each(goldens)(
  "pool of $pool_size, batches of $batch: the reference's images for the same draws",
  (golden) => {
    const pool = new ImagePool(golden.pool_size);
    for (const { images, draws, returned } of golden.queries) {
      // An image is one pixel that carries its number.
      const fakes = { shape: [images.length, 1, 1, 1], data: Float32Array.from(images) };
      const rest = [...draws];
      const plan = pool.plan(fakes.shape, new RecordedDraws(rest));
      const shown = images.map((_, i) => {
        const picked = images.reduce((sum, image, j) => sum + plan.mix[i * images.length + j]! * image, 0);
        return picked + plan.pooled[i]!;
      });
      expect(shown).toEqual(returned);
      expect(rest).toEqual([]);
      pool.commit(plan, fakes);
    }
    expect(Array.from(toFloatTensor(pool.toState().get("images")!).data)).toEqual(golden.stored);
  },
);
