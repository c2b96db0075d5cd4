import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ImagePool, type PoolPlan } from "../../src/data/pool.js";
import { PixcycleError } from "../../src/errors.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { RandomStream } from "../../src/random/philox.js";

/** The rule as it is stated, one image after the other: the reference's `ImagePool.query`. */
class SequentialPool {
  readonly images: number[][] = [];

  constructor(private readonly size: number) {}

  query(batch: number[][], draw: RandomStream): number[][] {
    if (this.size === 0) return batch;
    return batch.map((image) => {
      if (this.images.length < this.size) {
        this.images.push(image);
        return image;
      }
      if (draw.uniform() > 0.5) {
        const slot = draw.int(this.size);
        const old = this.images[slot]!;
        this.images[slot] = image;
        return old;
      }
      return image;
    });
  }
}

/** What the graph makes of a plan: mix · fakes + pooled. */
function shown(plan: PoolPlan, fakes: Float32Array): number[][] {
  const batch = Math.sqrt(plan.mix.length);
  const length = fakes.length / batch;
  return Array.from({ length: batch }, (_, i) =>
    Array.from({ length }, (_, e) => {
      let value = plan.pooled[i * length + e]!;
      for (let j = 0; j < batch; j++) value += plan.mix[i * batch + j]! * fakes[j * length + e]!;
      return value;
    }),
  );
}

/** Images that are all different, and exact in 32 bits. */
function numberedFakes(step: number, shape: number[]): FloatTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length }, (_, i) => step * 1000 + i + 1) };
}

describe("ImagePool", () => {
  it("equals the sequential rule with the same draws, also within a batch", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 12 }),
        fc.nat(1_000_000),
        (size, batches, seed) => {
          const imageShape = [2, 1, 3];
          const pool = new ImagePool(size);
          const sequential = new SequentialPool(size);
          batches.forEach((batch, step) => {
            const fakes = numberedFakes(step, [batch, ...imageShape]);
            const images = Array.from({ length: batch }, (_, i) => [...fakes.data.slice(i * 6, i * 6 + 6)]);
            const drawn = new RandomStream(seed, "pool", step);
            const expectedDraws = new RandomStream(seed, "pool", step);
            const plan = pool.plan(fakes.shape, drawn);
            expect(shown(plan, fakes.data)).toEqual(sequential.query(images, expectedDraws));
            expect(drawn.uint32()).toBe(expectedDraws.uint32());
            pool.commit(plan, fakes);
            fakes.data.fill(0);
            const state = pool.toState().get("images")!;
            expect([...(state.data as Float32Array)]).toEqual(sequential.images.flat());
            expect(state.shape[0]).toBe(sequential.images.length);
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("changes nothing until the step is committed, with fakes as planned", () => {
    const pool = new ImagePool(2);
    const plan = pool.plan([2, 1, 1, 1], new RandomStream(1, "pool"));
    expect(pool.length).toBe(0);
    expect(() => pool.commit(plan, numberedFakes(0, [1, 1, 1, 2]))).toThrow(PixcycleError);
    expect(pool.length).toBe(0);
    pool.commit(plan, numberedFakes(0, [2, 1, 1, 1]));
    expect(pool.length).toBe(2);
  });

  it("continues from its state exactly", () => {
    const shape = [2, 1, 2, 2];
    const first = new ImagePool(3);
    const step = (pool: ImagePool, i: number) => {
      const plan = pool.plan(shape, new RandomStream(7, "pool", i));
      const fakes = numberedFakes(i, shape);
      pool.commit(plan, fakes);
      return shown(plan, fakes.data);
    };
    for (let i = 0; i < 5; i++) step(first, i);
    const state = first.toState();
    expect(state.get("images")?.shape).toEqual([3, 1, 2, 2]);
    const second = ImagePool.fromState(3, state);
    for (let i = 5; i < 30; i++) expect(step(second, i)).toEqual(step(first, i));
    expect(ImagePool.fromState(3, new ImagePool(3).toState()).length).toBe(0);
  });

  it("shows the new image where the stored one has another size, and saves such pools too", () => {
    const pool = new ImagePool(1);
    pool.commit(pool.plan([1, 1, 1, 2], new RandomStream(1, "pool")), numberedFakes(0, [1, 1, 1, 2]));
    let exchanged = false;
    for (let step = 0; step < 20 && !exchanged; step++) {
      const plan = pool.plan([1, 1, 1, 3], new RandomStream(2, "pool", step));
      expect([...plan.mix, ...plan.pooled]).toEqual([1, 0, 0, 0]);
      exchanged = plan.stores.size === 1;
      pool.commit(plan, numberedFakes(1, [1, 1, 1, 3]));
    }
    expect(exchanged).toBe(true);
    expect(pool.toState().get("images")?.shape).toEqual([1, 1, 1, 3]);

    const mixed = new ImagePool(2);
    for (const size of [2, 3]) {
      const shape = [1, 1, 1, size];
      mixed.commit(mixed.plan(shape, new RandomStream(1, "pool")), numberedFakes(size, shape));
    }
    const state = mixed.toState();
    expect([...state.keys()]).toEqual(["images.0", "images.1"]);
    expect(ImagePool.fromState(2, state).toState()).toEqual(state);
  });

  it("refuses a state of something else, or of a larger pool", () => {
    const state = (name: string, count: number) =>
      new Map([[name, { dtype: "F32", shape: [count, 1, 1, 1], data: new Float32Array(count) } as const]]);
    expect(() => ImagePool.fromState(1, new Map())).toThrow(PixcycleError);
    expect(() => ImagePool.fromState(1, state("weight", 1))).toThrow(PixcycleError);
    expect(() => ImagePool.fromState(1, state("images", 2))).toThrow("holds 2 images, more than pool_size 1");
    expect(ImagePool.fromState(1, state("images", 1)).length).toBe(1);
  });
});
