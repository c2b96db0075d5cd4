import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveOptions } from "../../src/options/resolve.js";
import { diskWarning, freeSpace, keptCheckpoints } from "../../src/training/disk.js";
import { startPosition } from "../../src/training/position.js";

const options = (given: Record<string, unknown>) =>
  resolveOptions({ flags: { model: "pix2pix", n_epochs: 12, n_epochs_decay: 8, ...given } }).options;

describe("checkpoints that stay", () => {
  it.each([
    [{}, 4],
    [{ save_epoch_freq: 1 }, 20],
    [{ save_epoch_freq: 21 }, 0],
    // Ten steps an epoch: the tenth epoch ends, the eleventh does not.
    [{ max_steps: 109 }, 2],
    [{ epoch_count: 11 }, 2],
  ])("with %j are %i", (given, kept) => {
    const wanted = options(given);
    expect(keptCheckpoints(startPosition(wanted, 10), wanted)).toBe(kept);
  });

  it("are those of the rest where a training is continued in the midst of an epoch", () => {
    const position = { ...startPosition(options({}), 10), epoch: 10, batch: 7, step: 97 };
    expect(keptCheckpoints(position, options({}))).toBe(3);
    expect(keptCheckpoints({ ...position, epoch: 11, batch: 0 }, options({}))).toBe(2);
  });
});

describe("the warning of a full disk", () => {
  const GIB = 2 ** 30;

  it("comes where checkpoints and those that come and go do not fit", () => {
    // Of 40 + 3 checkpoints, each 3 of the 4 parts of a GiB.
    expect(diskWarning(40, { state: GIB }, 32.2 * GIB)).toBe(
      "warning: 40 checkpoints will stay, about 32.3 GiB in all, and the disk has 32.2 GiB free; " +
        "a larger --save_epoch_freq keeps fewer",
    );
    expect(diskWarning(40, { state: GIB }, 32.3 * GIB)).toBeUndefined();
  });

  it("asks the disk of the nearest folder that is there", async () => {
    const { blocks, bsize } = await statfs(tmpdir());
    const free = await freeSpace(join(tmpdir(), "not", "there"));
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThanOrEqual(blocks * bsize);
  });
});
