import { join } from "node:path";
import type { ImageFormat } from "../../data/image.js";
import { PixcycleError } from "../../errors.js";
import { givenOptions } from "../../options/resolve.js";
import { translateFiles } from "../../translation/folder.js";
import { loadTranslator, type TranslatorOptions } from "../../translation/load.js";
import type { Translator } from "../../translation/translator.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { choice, isOn, text, wholeNumber } from "../flags.js";
import { withSignals } from "../signals.js";

const FORMATS: readonly ImageFormat[] = ["png", "jpeg", "webp", "tiff"];

/** Translates images, or folders of them, with a trained model. */
export const command: Command = {
  arguments: "<model> <image...>",
  options: [
    ...(["direction", "dataset_mode", "preprocess", "load_size", "crop_size", "no_dropout"] as const),
    ...(["epoch", "runs_dir", "device", "threads", "seed"] as const),
  ],
  flags: [
    { name: "out", value: "DIR", summary: "folder for the results (results/NAME)" },
    { name: "eval", summary: "use running statistics and no dropout, instead of those of training" },
    { name: "format", value: "F", summary: `${FORMATS.join(", ")} (png)` },
    { name: "depth", value: "BITS", summary: "8 or 16 bits a sample (as the input)" },
    { name: "batch", value: "N", summary: "images of equal size at once (1)" },
    { name: "reconstruct", summary: "also translate back, with CycleGAN's other generator" },
    { name: "overwrite", summary: "replace earlier results in the folder" },
  ],
  examples: [
    "translate facades photos/ --out results",
    "translate runs/horses zebra.jpg --direction BtoA",
    "translate facades datasets/facades/test --dataset_mode aligned",
    "translate colours old-photos/",
    "translate latest_net_G.pth photos/ --preprocess resize_and_crop --crop_size 256",
  ],
  async run(call, output) {
    const [model, ...paths] = call.args as [string, ...string[]];
    const format = choice(call, "format", FORMATS);
    const depth = choice(call, "depth", ["8", "16"] as const);
    const batch = wholeNumber(call, "batch", 1);
    const options = await translatorOptions(call);
    const translator = await loadTranslator(model, options);
    const inverse = isOn(call, "reconstruct") ? await loadInverse(translator, model, options) : undefined;
    describe(translator, batch, output);
    const out = text(call, "out") ?? join("results", translator.info.name);
    try {
      const { result: record, stop } = await withSignals(
        ({ name }) => output.note(`${name}: finishing these images; once more ends at once`),
        (signal) =>
          translateFiles(translator, paths, {
            ...{ out, batch, signal, overwrite: isOn(call, "overwrite") },
            ...(format && { format }),
            ...(depth && { depth: depth === "8" ? 8 : 16 }),
            ...(inverse && { inverse }),
            onImage: (done, total, input, error) =>
              output.note(error ? error.toLine() : `${done}/${total} ${input}`),
          }),
      );
      const { results, failures, skipped } = record;
      const counts = [`${results.length} translated`];
      if (failures.length > 0) counts.push(`${failures.length} failed`);
      if (skipped > 0) counts.push(`${skipped} not begun`);
      output.result(
        output.json ? JSON.stringify({ out, ...record }) : `${counts.join(", ")}: ${join(out, "index.html")}`,
      );
      return stop?.status ?? (failures.length > 0 ? 1 : 0);
    } finally {
      await translator.close();
      await inverse?.close();
    }
  },
};

async function translatorOptions(call: CommandCall): Promise<TranslatorOptions> {
  return { ...givenOptions(await call.sources()), evaluate: isOn(call, "eval") };
}

function loadInverse({ info }: Translator, model: string, options: TranslatorOptions): Promise<Translator> {
  if (info.generator === "net_G") {
    throw new PixcycleError("E_OPTION_CONFLICT", `${model} has no generator that translates back.`, {
      hint: "Leave --reconstruct out: it is for CycleGAN models.",
    });
  }
  const generator = info.generator === "net_G_A" ? "net_G_B" : "net_G_A";
  return loadTranslator(model, { ...options, generator });
}

function describe({ info, batches }: Translator, batch: number, output: CommandOutput): void {
  const { netG, ngf, norm } = info.architecture;
  const dropout = info.dropout ? ", dropout on" : "";
  const mode = info.evaluate ? ", running statistics" : "";
  output.note(`${info.weights}: ${netG}, ngf ${ngf}, norm ${norm}${dropout}${mode}`);
  if (batch > 1 && !batches) {
    output.note("warning: --batch is 1: batch statistics would mix the images (with --eval they do not).");
  }
  if (!info.colorization && info.architecture.inputChannels === 1 && info.architecture.outputChannels === 2) {
    output.note("from 1 channel to 2: if it was trained for colorization, give --dataset_mode colorization");
  }
}
