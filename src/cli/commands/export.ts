import { extname } from "node:path";
import { PixcycleError } from "../../errors.js";
import { writeFileAtomic } from "../../formats/atomic.js";
import { givenOptions } from "../../options/resolve.js";
import { type ExportedModel, exportModel } from "../../translation/export.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { choice, isOn, requiredText, text } from "../flags.js";

const FORMATS = ["onnx", "safetensors"] as const;
/** A larger difference is more than rounding. */
const WIDE_PARITY: Readonly<Record<string, number>> = { float32: 1e-3, float16: 0.05 };

/** Writes a trained network for other programs. */
export const command: Command = {
  arguments: "<model>",
  options: ["direction", "dataset_mode", "epoch", "runs_dir", "device", "threads"],
  flags: [
    { name: "out", value: "FILE", summary: "the file to write, .onnx or .safetensors", required: true },
    { name: "network", value: "NAME", summary: "net_G, net_G_A, net_G_B, or a discriminator such as net_D" },
    { name: "format", value: "F", summary: "onnx or safetensors (as the file's name ends)" },
    { name: "eval", summary: "ONNX: use running statistics of batch norms, instead of the batch's" },
    { name: "dropout", summary: "ONNX: keep dropout on; it is off otherwise" },
    { name: "fp16", summary: "weights and computation in float16; input and output stay float32" },
  ],
  examples: [
    "export runs/facades --out facades.onnx",
    "export horses --direction BtoA --fp16 --out zebra2horse.onnx",
    "export latest_net_G.pth --out net_G.safetensors",
  ],
  async run(call, output) {
    const out = requiredText(call, "out");
    const format = chooseFormat(call, out);
    const network = text(call, "network");
    const exported = await exportModel(call.args[0]!, {
      ...givenOptions(await call.sources()),
      ...(network !== undefined && { network }),
      format,
      evaluate: isOn(call, "eval"),
      dropout: isOn(call, "dropout"),
      half: isOn(call, "fp16"),
    });
    await writeFileAtomic(out, exported.bytes);
    report(exported, out, output);
    return undefined;
  },
};

function chooseFormat(call: CommandCall, out: string): (typeof FORMATS)[number] {
  const ending = extname(out).slice(1);
  const format = choice(call, "format", FORMATS) ?? FORMATS.find((name) => name === ending);
  if (format !== undefined) return format;
  throw new PixcycleError("E_OPTION", `--out ${out} ends in neither .onnx nor .safetensors.`, {
    hint: "Change its ending, or give --format.",
  });
}

function report({ bytes, ...exported }: ExportedModel, out: string, output: CommandOutput): void {
  const { network, architecture, parity, metadata, notices } = exported;
  for (const notice of notices) output.note(notice);
  if (parity !== undefined && parity > WIDE_PARITY[metadata.precision!]!) {
    output.note("warning: the file differs from pixcycle's own result by more than rounding.");
  }
  if (output.json) {
    output.result(JSON.stringify({ out, bytes: bytes.length, ...exported }));
    return;
  }
  const kind = architecture.kind === "generator" ? architecture.netG : architecture.netD;
  const size = `${(bytes.length / 1e6).toFixed(1)} MB`;
  const compared =
    parity === undefined
      ? ""
      : `; at most ${parity.toExponential(1)} from pixcycle's own result at three sizes`;
  output.result(`${out}: ${network} (${kind}), ${metadata.precision}, ${size}${compared}`);
}
