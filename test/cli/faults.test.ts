import { execFile, execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wholeCheckpoints } from "../../src/training/checkpoint.js";
import { runCli } from "./run-cli.js";
import { makeToyData, toyOptions, writePicture } from "./toy-data.js";

let folder: string;
const EPOCHS = ["--n_epochs", "2", "--n_epochs_decay", "2"];
const BASE = ["--name", "toy", "--runs_dir", "base"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
  await makeToyData(join(folder, "data"));
  const { status, stderr } = await runCli(["train", ...toyOptions("pix2pix", "data"), ...EPOCHS, ...BASE], {
    cwd: folder,
  });
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

/** The last line of stderr, which an error is; the exit status is checked. */
async function failure(args: readonly string[], status: number, prefix?: string): Promise<string> {
  const result = await runCli(args, { cwd: folder, ...(prefix === undefined ? {} : { prefix }) });
  expect(result.status, result.stderr).toBe(status);
  expect(result.stdout).toBe("");
  return result.stderr.trimEnd().split("\n").at(-1) ?? "";
}

/** A copy of the finished run, to be damaged. */
async function copyOfRun(runs: string): Promise<string> {
  await cp(join(folder, "base"), join(folder, runs), { recursive: true });
  return join(folder, runs, "toy/checkpoints");
}

const resume = (runs: string, ...more: string[]) => [
  ...["train", "--continue_train", "--name", "toy", "--runs_dir", runs, "--n_epochs_decay", "3", ...more],
];

describe("a checkpoint", () => {
  it("with one byte changed is refused, naming the file and the whole ones, and those can be used", async () => {
    const checkpoints = await copyOfRun("changed");
    const file = join(checkpoints, "step-00000028/net_G.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length - 5]! ^= 4;
    await writeFile(file, bytes);
    expect(await failure(resume("changed"), 1)).toBe(
      "E_CHECKPOINT_CORRUPT: changed/toy/checkpoints/step-00000028/net_G.safetensors was changed after it was written. " +
        "Whole: step-00000020, step-00000025. Continue with --continue_train --epoch step-00000025.",
    );
    const { status, stderr } = await runCli(resume("changed", "--epoch", "step-00000025"), { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(await wholeCheckpoints(checkpoints)).toContain("step-00000028");
  });

  it("cut short is refused", async () => {
    const checkpoints = await copyOfRun("cut");
    await truncate(join(checkpoints, "step-00000028/optimizer.safetensors"), 1000);
    expect(await failure(resume("cut"), 1)).toMatch(
      /^E_CHECKPOINT_CORRUPT: \S+optimizer.safetensors has 1000 bytes/,
    );
  });

  it("of another architecture is refused", async () => {
    const line = await failure(resume("base", "--netG", "resnet_9blocks"), 1);
    expect(line).toMatch(
      /^E_CHECKPOINT_MISMATCH: .*it has netG resnet_6blocks, the options say netG resnet_9blocks/,
    );
  });

  it("that is not there is refused", async () => {
    expect(await failure(resume("nowhere"), 1)).toMatch(
      /^E_CHECKPOINT_MISSING: There is no run nowhere\/toy/,
    );
    expect(await failure(resume("base", "--epoch", "99"), 1)).toMatch(
      /^E_CHECKPOINT_MISSING: .*end of epoch 99/,
    );
  });
});

function canMount(): boolean {
  try {
    execFileSync("unshare", ["-rm", "sh", "-c", 'd=$(mktemp -d) && mount -t tmpfs none "$d"'], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

describe("a disk that cannot be written", () => {
  it("is found before the first step", async () => {
    await writeFile(join(folder, "a file"), "");
    const args = ["train", ...toyOptions("pix2pix", "data"), "--runs_dir", "a file"];
    expect(await failure(args, 1)).toMatch(/^E_FILE_WRITE: Cannot write a file\/toy/);
  });

  it.skipIf(process.platform !== "linux")("is found where no folder can be made", async () => {
    const args = ["train", ...toyOptions("pix2pix", "data"), "--runs_dir", "/proc/none/runs"];
    expect(await failure(args, 1)).toBe(
      "E_FILE_WRITE: Cannot write /proc/none/runs/toy: no folder can be made in /proc. Check the disk and the folder.",
    );
  });

  it("with files cut at a limit loses no earlier checkpoint", async () => {
    const checkpoints = await copyOfRun("limited");
    const { size } = await stat(join(checkpoints, "step-00000028/optimizer.safetensors"));
    const limit = `trap '' XFSZ; ulimit -f ${Math.floor(size / 1024 / 2)}`;
    const line = await failure(resume("limited"), 1, limit);
    expect(line).toMatch(
      /^E_FILE_WRITE: .*The newest whole checkpoint is of step 28: continue with --continue_train/,
    );
    expect(await readdir(checkpoints)).toEqual(["step-00000020", "step-00000025", "step-00000028"]);
    expect(await wholeCheckpoints(checkpoints)).toHaveLength(3);
    const { status, stderr } = await runCli(resume("limited"), { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("continuing from limited/toy/checkpoints/step-00000028");
  });

  it.skipIf(!canMount())("that is full loses no earlier checkpoint", async () => {
    const [disk, after] = [join(folder, "disk"), join(folder, "after")];
    await mkdir(disk);
    await mkdir(after);
    const checkpoint = join(folder, "base/toy/checkpoints/step-00000028");
    const sizes = await Promise.all(
      (await readdir(checkpoint)).map(async (name) => (await stat(join(checkpoint, name))).size),
    );
    const room = Math.round(2.5 * sizes.reduce((sum, size) => sum + size, 0));
    const { status, stderr } = await trainOnSmallDisk(disk, after, room);
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(
      /^E_FILE_WRITE: Cannot write .*: the disk is full.*newest whole checkpoint is of step 10/m,
    );
    expect(await readdir(join(after, "toy/checkpoints"))).toEqual(["step-00000005", "step-00000010"]);
    expect(await wholeCheckpoints(join(after, "toy/checkpoints"))).toHaveLength(2);
  });
});

/** Trains with the runs on a disk of so many bytes, which is then copied: it ends with the process. */
function trainOnSmallDisk(
  disk: string,
  after: string,
  bytes: number,
): Promise<{ status: unknown; stderr: string }> {
  const script = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const shell =
    `mount -t tmpfs -o size=${bytes} none "$1" || exit 99; disk="$1"; after="$2"; shift 2; ` +
    'node "$@"; status=$?; cp -r "$disk/." "$after"; exit $status';
  const train = ["train", ...toyOptions("pix2pix", "data"), ...EPOCHS, "--runs_dir", disk];
  return new Promise((resolve) => {
    execFile(
      "unshare",
      ["-rm", "bash", "-c", shell, "bash", disk, after, script, ...train],
      { cwd: folder },
      (error, _, stderr) => resolve({ status: error?.code ?? 0, stderr }),
    );
  });
}

/** A PNG whose header claims a size; nothing else in it is true. */
function hugePng(png: Uint8Array, side: number): Uint8Array {
  const bytes = Buffer.from(png);
  bytes.writeUInt32BE(side, 16);
  bytes.writeUInt32BE(side, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

describe("data that cannot be trained on is refused before the first step", () => {
  type Case = [name: string, code: string, spoil: (root: string) => Promise<void>];
  const cases: Case[] = [
    ["no such folder", "E_DATA_MISSING: .*Check --dataroot", (root) => rm(root, { recursive: true })],
    [
      "an empty folder",
      "E_DATA_EMPTY",
      async (root) => {
        await rm(join(root, "train"), { recursive: true });
        await mkdir(join(root, "train"));
      },
    ],
    [
      "unmatched pairs",
      "E_DATA_PAIR",
      async (root) => {
        await rm(join(root, "train"), { recursive: true });
      },
    ],
    [
      "a truncated image among good ones",
      "E_IMAGE_READ: .*train/3.png",
      (root) => truncate(join(root, "train/3.png"), 400),
    ],
    [
      "a text file named .png",
      "E_IMAGE_READ: .*train/9.png",
      (root) => writeFile(join(root, "train/9.png"), "hello"),
    ],
    [
      "a 1×1 image as a pair",
      "E_DATA_SIZE: .*train/1.png",
      (root) => writePicture(join(root, "train/1.png"), 1, 1),
    ],
    [
      "an image of 20,000×20,000",
      "E_IMAGE_SIZE: .*train/2.png",
      async (root) => {
        const path = join(root, "train/2.png");
        await writeFile(path, hugePng(await readFile(path), 20_000));
      },
    ],
  ];

  it.each(cases)("%s", async (name, code, spoil) => {
    const root = join(folder, "spoilt", name);
    await mkdir(dirname(root), { recursive: true });
    await cp(join(folder, "data"), root, { recursive: true });
    await spoil(root);
    const args = ["train", ...toyOptions("pix2pix", root), "--runs_dir", "spoilt-runs"];
    expect(await failure(args, 1)).toMatch(new RegExp(`^${code}`));
    expect(await readdir(folder)).not.toContain("spoilt-runs");
  });

  it("sizes that the model cannot take", async () => {
    const root = join(folder, "odd");
    await sharp({ create: { width: 60, height: 31, channels: 3, background: "#888" } })
      .png()
      .toBuffer()
      .then(async (png) => {
        await mkdir(join(root, "train"), { recursive: true });
        await writeFile(join(root, "train/0.png"), png);
      });
    const args = ["train", ...toyOptions("pix2pix", root), "--netG", "unet_64", "--preprocess", "none"];
    expect(await failure(args, 1)).toMatch(/^E_DATA_SIZE: net_G needs sides that are multiples of 64, got /);
  });
});

describe("an image that goes bad during the training", () => {
  it("ends it with what was trained saved", async () => {
    const root = join(folder, "bad-later");
    await cp(join(folder, "data"), root, { recursive: true });
    const start = [
      "train",
      ...toyOptions("pix2pix", root),
      ...EPOCHS,
      "--runs_dir",
      "bad",
      "--num_threads",
      "0",
    ];
    expect((await runCli([...start, "--max_steps", "7"], { cwd: folder })).status).toBe(0);
    await writeFile(join(root, "train/5.png"), "gone");
    const line = await failure(resume("bad", "--max_steps", "0"), 1);
    expect(line).toMatch(/^E_IMAGE_READ: .*train\/5.png/);
    const newest = (await readFile(join(folder, "bad/toy/latest"), "utf8")).trim();
    expect(await wholeCheckpoints(join(folder, "bad/toy/checkpoints"))).toContain(newest);
    const metrics = (await readFile(join(folder, "bad/toy/metrics.jsonl"), "utf8")).trim().split("\n");
    expect(newest).toBe(`step-${String(metrics.length).padStart(8, "0")}`);
    expect(metrics.length).toBeGreaterThanOrEqual(7);
  });
});
