import { access } from "node:fs/promises";
import { join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { writeFileAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { encodeSafetensors } from "../../formats/safetensors.js";
import type { FloatTensor, TensorMap } from "../../formats/tensor.js";
import { readTensorFile } from "../../formats/tensor-file.js";
import { toFloatTensor } from "../../formats/weights.js";
import { createModel } from "../../models/model.js";
import { networkWeights } from "../../networks/state-dict.js";
import { lossOptions, networkOptions, optimiserOptions } from "../../options/schema.js";
import { createRunner } from "../../runtime/node/create.js";
import type { Batch } from "../../runtime/runner.js";
import type { Command, CommandCall } from "../command.js";
import { requiredText, wholeNumber } from "../flags.js";

type Names<T> = (keyof T)[];

/** Runs training steps on given weights and batches, to compare with other implementations. */
export const command: Command = {
  options: [
    "model",
    "preset",
    ...(Object.keys(networkOptions) as Names<typeof networkOptions>),
    ...(Object.keys(lossOptions) as Names<typeof lossOptions>),
    ...(Object.keys(optimiserOptions) as Names<typeof optimiserOptions>),
    "device",
    "threads",
    "conv",
    "checkpointing",
    "seed",
  ],
  flags: [
    {
      name: "weights",
      value: "DIR",
      summary: "folder with net_G.safetensors or .pth, net_D, … to start from",
      required: true,
    },
    {
      name: "batches",
      value: "FILE",
      summary: "tensors real_A.0, real_B.0, real_A.1, … NCHW in [-1, 1]",
      required: true,
    },
    { name: "steps", value: "N", summary: "how many steps to run (as many as there are batches)" },
    { name: "out", value: "DIR", summary: "folder for the new weights and losses.json", required: true },
  ],
  examples: [
    "step --preset torch-cyclegan --pool_size 0 --weights start --batches batches.safetensors --steps 5 --out after",
  ],
  async run(call, output) {
    const { options } = await call.resolveOptions();
    const [weights, out] = [requiredText(call, "weights"), requiredText(call, "out")];
    const batches = await readBatches(requiredText(call, "batches"), call);
    const { networks, lossNames } = createModel(options);
    const runner = createRunner(options, {
      threads: options.threads,
      device: options.device,
      conv: options.conv,
      checkpointing: options.checkpointing,
    });
    try {
      for (const { name } of networks) await runner.loadNetwork(name, await readWeights(weights, name));
      const losses: Record<string, number>[] = [];
      for (const [i, batch] of batches.entries()) {
        const result = await runner.step(batch, { learningRate: options.lr });
        losses.push(result.losses);
        output.note(
          `step ${i + 1}/${batches.length}  ${lossNames.map((name) => `${name} ${result.losses[name]!.toFixed(4)}`).join("  ")}`,
        );
      }
      const state = await runner.saveState();
      await makeFolder(out);
      for (const { name } of networks) {
        const file = join(out, `${name}.safetensors`);
        await writeFileAtomic(file, encodeSafetensors(networkWeights(state, name)));
      }
      await writeFileAtomic(join(out, "losses.json"), `${JSON.stringify(losses, null, 1)}\n`);
      output.result(
        output.json
          ? JSON.stringify({ steps: losses.length, losses, out })
          : `${losses.length} steps; weights and losses.json are in ${out}`,
      );
    } finally {
      await runner.close();
    }
    return undefined;
  },
};

async function readWeights(folder: string, network: string): Promise<TensorMap> {
  for (const ending of ["safetensors", "pth"]) {
    const path = join(folder, `${network}.${ending}`);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return (await readTensorFile(path)).tensors;
  }
  throw new PixcycleError(
    "E_FILE_MISSING",
    `${folder} has no ${network}.safetensors and no ${network}.pth.`,
    {
      hint: "Give a folder with one weight file per network.",
    },
  );
}

async function readBatches(path: string, call: CommandCall): Promise<Batch[]> {
  const { tensors } = await readTensorFile(path);
  const image = (name: string): FloatTensor | undefined => {
    const tensor = tensors.get(name);
    if (tensor && tensor.shape.length !== 4) {
      throw new PixcycleError("E_SHAPE", `${name} in ${path} is [${tensor.shape}], expected [N, C, H, W].`);
    }
    return tensor && toFloatTensor(tensor);
  };
  const batches: Batch[] = [];
  for (let i = 0; ; i++) {
    const [real_A, real_B] = [image(`real_A.${i}`), image(`real_B.${i}`)];
    if (!real_A || !real_B) break;
    batches.push({ real_A, real_B });
  }
  const steps = wholeNumber(call, "steps", Math.max(1, batches.length));
  if (steps > batches.length) {
    throw new PixcycleError(
      "E_DATA_MISSING",
      `${path} has batches for ${batches.length} steps, not ${steps}.`,
      {
        hint: "It needs real_A.0, real_B.0, real_A.1, …",
      },
    );
  }
  return batches.slice(0, steps);
}
