import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { type Profile, readProfile } from "../../src/runtime/node/profile.js";
import { GraphSession } from "../../src/runtime/ort.js";
import { compileCopy } from "../../src/runtime/programs.js";
import { itStepsAsPyTorch } from "../models/golden-checks.js";
import { goldenNames, readGolden } from "../models/goldens.js";
import { WEBGPU } from "../setup/webgpu.js";
import { WEBGPU_BOUNDS } from "./bounds.js";

const SETTINGS = { threads: 1, device: "webgpu" } as const;

/** All golden steps on ONNX Runtime's WebGPU provider in Node, and where their operators are. */
describe.skipIf(!WEBGPU)("in Node on WebGPU", () => {
  const profiles = new Map<string, Profile>();

  // ONNX Runtime keeps compiled shaders as long as any session is open, and the cases share most of them.
  let keeper: GraphSession;
  beforeAll(async () => {
    keeper = await GraphSession.create(ortModule, compileCopy(new Map([["x", [1]]])), SETTINGS);
  });
  afterAll(() => keeper?.close());

  describe.each(goldenNames())("%s", (name) => {
    const golden = readGolden(name);
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "pixcycle-devices-"));
    });
    // Runs after the hook that closes the models, which writes their profiles.
    afterAll(async () => {
      profiles.set(name, await readProfile(folder));
      await rm(folder, { recursive: true });
    });
    const open = async () =>
      new Engine(ortModule, golden.options, { ...SETTINGS, profilePrefix: join(folder, "trace") });
    itStepsAsPyTorch(golden, open, WEBGPU_BOUNDS);
  });

  it("every operator of all steps, gradients and updates is on WebGPU, and nothing is copied between devices", () => {
    expect(profiles.size).toBeGreaterThan(0);
    for (const [name, { providers, kinds }] of profiles) {
      expect(
        providers.map((provider) => provider.name),
        name,
      ).toEqual(["WebGpuExecutionProvider"]);
      expect(
        kinds.filter((kind) => kind.name.startsWith("Memcpy")),
        name,
      ).toEqual([]);
    }
  });
});
