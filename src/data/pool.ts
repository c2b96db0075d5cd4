import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import type { RandomStream } from "../random/philox.js";

type Shape = readonly number[];

/**
 * What the discriminator sees in one step: image i is `mix[i] · fakes + pooled[i]`, where `fakes` [N, C, H, W] are
 * the step's own, which the host does not know yet.
 */
export interface PoolPlan {
  /** [N, N] of 0 and 1: row i picks one fake of this batch, or none. */
  readonly mix: Float32Array;
  /** [N, C, H, W]: the stored image, or zeros where `mix` picks a fake. */
  readonly pooled: Float32Array;
  /** [N, C, H, W] of the step's fakes. */
  readonly shape: Shape;
  /** What `commit` stores: the fake's index in the batch, by slot. */
  readonly stores: ReadonlyMap<number, number>;
}

interface StoredImage {
  readonly shape: Shape;
  readonly data: Float32Array;
}

const elements = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/**
 * The history of generated images of Shrivastava et al. (2017) by CycleGAN's rule: while the pool is not full, an
 * image is stored and shown; when it is full, with probability ½ a random stored image is shown and the new one
 * takes its place, else the new one is shown. A pool of size 0 shows every image.
 *
 * A step is one graph, so the rule runs in two halves: `plan` draws before the step, `commit` stores after it. A
 * step that fails in between leaves the pool as it was.
 */
export class ImagePool {
  private images: StoredImage[] = [];

  /** An empty pool for up to `size` images. */
  constructor(readonly size: number) {}

  /** Images stored so far. */
  get length(): number {
    return this.images.length;
  }

  /**
   * Decides for a step whose fakes are [N, C, H, W], with the draws of the reference's sequential rule. A stored image
   * of another size than this step's (`preprocess none`) makes room as usual, but the new image is shown in its stead.
   */
  plan(shape: Shape, draw: RandomStream): PoolPlan {
    const [batch, ...imageShape] = shape as [number, ...number[]];
    const imageLength = elements(imageShape);
    const mix = new Float32Array(batch * batch);
    const pooled = new Float32Array(batch * imageLength);
    const stores = new Map<number, number>();
    let stored = this.images.length;
    for (let i = 0; i < batch; i++) {
      let shown = i;
      if (stored < this.size) {
        stores.set(stored++, i);
      } else if (this.size > 0 && draw.uniform() > 0.5) {
        const slot = draw.int(this.size);
        const ofThisBatch = stores.get(slot);
        stores.set(slot, i);
        if (ofThisBatch !== undefined) {
          shown = ofThisBatch;
        } else if (sameShape(this.images[slot]!.shape, imageShape)) {
          pooled.set(this.images[slot]!.data, i * imageLength);
          continue;
        }
      }
      mix[i * batch + shown] = 1;
    }
    return { mix, pooled, shape, stores };
  }

  /** Stores what `plan` decided, from the step's fakes; they are copied. `E_SHAPE` for others than planned. */
  commit(plan: PoolPlan, fakes: FloatTensor): void {
    if (!sameShape(plan.shape, fakes.shape)) {
      throw new PixcycleError(
        "E_SHAPE",
        `The pool was planned for [${plan.shape.join(", ")}] and got [${fakes.shape.join(", ")}].`,
      );
    }
    const shape = plan.shape.slice(1);
    const imageLength = elements(shape);
    for (const [slot, i] of plan.stores) {
      this.images[slot] = { shape, data: fakes.data.slice(i * imageLength, (i + 1) * imageLength) };
    }
  }

  /** The images as `images` [k, C, H, W] ([0, 0, 0, 0] if empty), or as `images.0` … [C, H, W] each where their shapes differ. */
  toState(): TensorMap {
    const first = this.images[0]?.shape ?? [0, 0, 0];
    if (this.images.every(({ shape }) => sameShape(shape, first))) {
      const imageLength = elements(first);
      const data = new Float32Array(this.images.length * imageLength);
      for (const [i, image] of this.images.entries()) data.set(image.data, i * imageLength);
      return new Map([["images", { dtype: "F32", shape: [this.images.length, ...first], data }]]);
    }
    return new Map(
      this.images.map(({ shape, data }, i) => [`images.${i}`, { dtype: "F32", shape, data: data.slice() }]),
    );
  }

  /** The pool that `toState` saved. `E_CHECKPOINT_MISMATCH` for anything else, or for more images than `size`. */
  static fromState(size: number, state: TensorMap): ImagePool {
    const pool = new ImagePool(size);
    if (state.size === 0)
      throw new PixcycleError("E_CHECKPOINT_MISMATCH", "The image pool's images are missing.");
    for (const [name, tensor] of state) {
      const [count, ...shape] = tensor.shape;
      if (tensor.dtype === "F32" && name === "images" && state.size === 1 && count !== undefined) {
        const imageLength = elements(shape);
        for (let i = 0; i < count; i++) {
          pool.images.push({ shape, data: tensor.data.slice(i * imageLength, (i + 1) * imageLength) });
        }
      } else if (tensor.dtype === "F32" && name === `images.${pool.length}`) {
        pool.images.push({ shape: tensor.shape, data: tensor.data.slice() });
      } else {
        throw new PixcycleError(
          "E_CHECKPOINT_MISMATCH",
          `${name} ${tensor.dtype} is no state of an image pool.`,
        );
      }
    }
    if (pool.length > size) {
      throw new PixcycleError(
        "E_CHECKPOINT_MISMATCH",
        `The checkpoint's image pool holds ${pool.length} images, more than pool_size ${size}.`,
        { hint: "Continue with the --pool_size of the first run." },
      );
    }
    return pool;
  }
}
