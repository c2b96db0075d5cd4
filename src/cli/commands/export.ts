import { extname } from "node:path";
import { PixcycleError } from "../../errors.js";
import { writeFileAtomic } from "../../formats/atomic.js";
import { givenOptions } from "../../options/resolve.js";
import { type ExportedModel, type ExportModelOptions, exportModel } from "../../translation/export.js";
import { exportSite } from "../../translation/site.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { choice, isOn, text } from "../flags.js";

const FORMATS = ["onnx", "safetensors"] as const;
/** A larger difference is more than rounding. */
const WIDE_PARITY: Readonly<Record<string, number>> = { float32: 1e-3, float16: 0.05 };

/** Writes a trained network for other programs, or a web page around it. */
export const command: Command = {
  arguments: "<model>",
  options: ["direction", "dataset_mode", "epoch", "runs_dir", "device", "threads"],
  flags: [
    { name: "out", value: "FILE", summary: "the file to write, .onnx or .safetensors" },
    {
      name: "web",
      value: "DIR",
      summary: "instead: a web page that translates drawings, pictures and the webcam",
    },
    { name: "title", value: "TEXT", summary: "--web: the page's title" },
    {
      name: "palette",
      value: "FILE",
      summary: "--web: JSON with the classes' colours of label maps, to draw with",
    },
    { name: "examples", value: "PATH", summary: "--web: an image or a folder of images to begin with" },
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
    "export runs/facades --web site --palette facades.json --examples facades/testB",
  ],
  async run(call, output) {
    const [out, web, network] = [text(call, "out"), text(call, "web"), text(call, "network")];
    const options = {
      ...givenOptions(await call.sources()),
      ...(network !== undefined && { network }),
      evaluate: isOn(call, "eval"),
      half: isOn(call, "fp16"),
    };
    if (web !== undefined && out === undefined) await writeSite(call, web, options, output);
    else if (out !== undefined && web === undefined) await writeModel(call, out, options, output);
    else {
      throw new PixcycleError("E_USAGE", "pixcycle export writes to --out FILE or to --web DIR.", {
        hint: "Give one of them.",
      });
    }
    return undefined;
  },
};

async function writeModel(
  call: CommandCall,
  out: string,
  options: ExportModelOptions,
  output: CommandOutput,
): Promise<void> {
  const stray = ["title", "palette", "examples"].find((name) => call.flags[name] !== undefined);
  if (stray !== undefined) throw belongsTo(stray, "--web DIR");
  const format = chooseFormat(call, out);
  const exported = await exportModel(call.args[0]!, {
    ...options,
    format,
    dropout: isOn(call, "dropout"),
  });
  await writeFileAtomic(out, exported.bytes);
  report(exported, out, output);
}

async function writeSite(
  call: CommandCall,
  web: string,
  options: ExportModelOptions,
  output: CommandOutput,
): Promise<void> {
  const stray = ["format", "dropout"].find((name) => call.flags[name] !== undefined);
  if (stray !== undefined) throw belongsTo(stray, "--out FILE");
  const [title, palette, examples] = [text(call, "title"), text(call, "palette"), text(call, "examples")];
  const { info, network, notices } = await exportSite(web, call.args[0]!, {
    ...options,
    ...(title !== undefined && { title }),
    ...(palette !== undefined && { palette }),
    ...(examples !== undefined && { examples: [examples] }),
  });
  for (const notice of notices) output.note(notice.replace("; --dropout keeps it on", ""));
  if (output.json) {
    output.result(JSON.stringify({ web, network, ...info }));
    return;
  }
  const model = (info.bytes / 1e6).toFixed(1);
  output.result(`${web}: a page for ${network}, its model of ${model} MB; any static host serves it`);
  output.note(`To look at it: npx serve ${web}`);
}

const belongsTo = (flag: string, other: string): PixcycleError =>
  new PixcycleError("E_OPTION_CONFLICT", `--${flag} is for ${other}.`, { hint: `Leave --${flag} out.` });

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
