import { stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { fileWriteError, writeFileAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { encodeSafetensors } from "../../formats/safetensors.js";
import type { FileTensor, TensorMap } from "../../formats/tensor.js";
import { readTensorFile } from "../../formats/tensor-file.js";
import { toFloatTensor } from "../../formats/weights.js";
import { type InferredNetwork, inferNetwork } from "../../networks/infer.js";
import { describeNetwork, parameterCount } from "../../networks/registry.js";
import { givenOptions, type OptionValues } from "../../options/resolve.js";
import { trainableModel } from "../../training/imported-networks.js";
import { writeImportedRun } from "../../training/imported-run.js";
import { resumeCommand } from "../../training/session.js";
import { isColorization } from "../../translation/load.js";
import { findModel } from "../../translation/model-files.js";
import { version } from "../../version.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { requiredText } from "../flags.js";

interface ImportedNetwork extends InferredNetwork {
  /** `net_G`, `net_D_A`, … */
  readonly name: string;
  /** Where it was read from. */
  readonly file: string;
}

/** Takes over weights from PyTorch or of a `.pict`: as a safetensors file, as a folder of them, or as a run to train further. */
export const command: Command = {
  arguments: "<file...>",
  options: ["dataroot", "dataset_mode", "direction", "no_dropout", "epoch", "overwrite"],
  flags: [
    {
      name: "out",
      value: "PATH",
      summary: "a .safetensors file; or a folder, a run if all networks of a model are given",
      required: true,
    },
  ],
  examples: [
    "import horse2zebra.pth --out horse2zebra.safetensors",
    "import checkpoints/facades_pix2pix --out runs/facades",
    "import latest_net_G.pth latest_net_D.pth --out runs/facades",
    "import edges2cats_AtoB.pict --out edges2cats.safetensors",
  ],
  async run(call, output) {
    const out = requiredText(call, "out");
    const given = givenOptions(await call.sources());
    const networks = await readNetworks(call.args, given.epoch);
    for (const network of networks.values()) describe(network, output);

    const model = trainableModel(networks);
    if (extname(out) === ".safetensors" || model === undefined) {
      const files = extname(out) === ".safetensors" ? [onlyFile(networks, out)] : filesIn(networks, out);
      await writeFiles(files, given);
      const paths = files.map(({ path }) => path);
      report(networks, { files: paths }, `wrote ${paths.join(", ")}`, output);
      return undefined;
    }
    const { epoch: _, ...options } = given;
    const run = await writeImportedRun(out, model, networks, options);
    const dataroot = given.dataroot === undefined ? " --dataroot DIR" : "";
    const resume = `${resumeCommand(run.options)}${dataroot}`;
    report(networks, run, `wrote ${run.checkpoint}; train it further with: ${resume}`, output);
    return undefined;
  },
};

/** Reads and recognises the networks of all paths: files, or folders with files such as `latest_net_G_A.pth`. */
async function readNetworks(
  paths: CommandCall["args"],
  epoch: string | undefined,
): Promise<Map<string, ImportedNetwork>> {
  const networks = new Map<string, ImportedNetwork>();
  for (const path of paths) {
    await stat(path).catch((cause: unknown) => {
      throw new PixcycleError("E_FILE_MISSING", `${path} does not exist.`, {
        hint: "Check the path.",
        cause,
      });
    });
    const found = await findModel(path, { ...(epoch !== undefined && { epoch }), runs_dir: dirname(path) });
    if (found.kind !== "weights") {
      throw new PixcycleError("E_OPTION_CONFLICT", `${path} is a ${found.kind} of pixcycle already.`, {
        hint: "Use it as it is, or write its networks with pixcycle export.",
      });
    }
    for (const [named, file] of found.networks) {
      const inferred = inferNetwork((await readTensorFile(file)).tensors, file);
      // A file of any name is taken for a generator until its content says otherwise.
      const isNamed = basename(file).includes(named);
      const name = !isNamed && inferred.architecture.kind === "discriminator" ? "net_D" : named;
      const other = networks.get(name);
      if (other !== undefined) {
        throw new PixcycleError("E_OPTION_CONFLICT", `${other.file} and ${file} are both ${name}.`, {
          hint: "Name the files after their networks: net_G_A.pth, net_G_B.pth, …",
        });
      }
      networks.set(name, { ...inferred, weights: complete(inferred), name, file });
    }
  }
  return networks;
}

/** The weights as pixcycle writes them: floats of 32 bits, and the counters that PyTorch did not have before 0.4.1. */
function complete({ network, weights }: InferredNetwork): TensorMap {
  const completed: TensorMap = new Map();
  for (const { name, role } of describeNetwork(network)) {
    const tensor = weights.get(name);
    if (tensor === undefined) completed.set(name, { dtype: "I64", shape: [], data: BigInt64Array.of(0n) });
    else completed.set(name, role === "counter" ? tensor : inFloat32(tensor));
  }
  return completed;
}

function inFloat32(tensor: FileTensor): FileTensor {
  return { dtype: "F32", ...toFloatTensor(tensor) };
}

interface WeightFile {
  readonly path: string;
  readonly network: ImportedNetwork;
}

function onlyFile(networks: ReadonlyMap<string, ImportedNetwork>, path: string): WeightFile {
  const [network] = networks.values();
  if (network !== undefined && networks.size === 1) return { path, network };
  throw new PixcycleError(
    "E_OPTION_CONFLICT",
    `${networks.size} networks (${[...networks.keys()].join(", ")}) do not go into one file.`,
    { hint: "Give a folder with --out." },
  );
}

const filesIn = (networks: ReadonlyMap<string, ImportedNetwork>, folder: string): WeightFile[] =>
  [...networks].map(([name, network]) => ({ path: join(folder, `${name}.safetensors`), network }));

async function writeFiles(files: readonly WeightFile[], given: OptionValues): Promise<void> {
  for (const { path, network } of files) {
    const { architecture } = network;
    const isGenerator = architecture.kind === "generator";
    const found = { path: network.file, colorization: false };
    const finds = isGenerator && isColorization(found, architecture, given);
    await makeFolder(dirname(path)).catch((cause: unknown) => {
      throw fileWriteError(path, cause);
    });
    const options = JSON.stringify(architecture);
    const metadata = {
      ...{ pixcycle_version: version, source: basename(network.file), options },
      ...(finds && { dataset_mode: "colorization" }),
    };
    await writeFileAtomic(path, encodeSafetensors(network.weights, metadata));
  }
}

function describe({ name, file, architecture, network, dropped }: ImportedNetwork, output: CommandOutput) {
  const { kind, norm, inputChannels } = architecture;
  const words =
    kind === "generator"
      ? [
          `${architecture.netG}, ngf ${architecture.ngf}, norm ${norm}, upsample ${architecture.upsample}`,
          `${inputChannels} → ${architecture.outputChannels} channels`,
          ...(architecture.dropout === true ? ["dropout"] : []),
        ]
      : [
          `${architecture.netD} discriminator`,
          ...(architecture.netD === "n_layers" ? [`${architecture.n_layers_D} layers`] : []),
          `ndf ${architecture.ndf}, norm ${norm}, ${inputChannels} channels`,
        ];
  const parameters = `${(parameterCount(network) / 1e6).toFixed(3)} M parameters`;
  const leftovers = dropped.length === 0 ? "" : `; ${dropped.length} unused tensors dropped`;
  output.note(`${file}: ${name}, ${[...words, parameters].join(", ")}${leftovers}`);
}

function report(
  networks: ReadonlyMap<string, ImportedNetwork>,
  written: Readonly<Record<string, unknown>>,
  line: string,
  output: CommandOutput,
): void {
  const found = [...networks.values()].map(({ name, file, architecture, dropped }) => ({
    ...{ name, file, architecture, dropped: dropped.length },
  }));
  output.result(output.json ? JSON.stringify({ networks: found, ...written }) : line);
}
