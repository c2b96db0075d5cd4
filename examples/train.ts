/**
 * Trains pix2pix on a folder of pairs, with a line of one's own for every epoch. Ctrl-C saves; started again, it goes on.
 *
 *     npx tsc -p examples
 *     node .cache/examples/train.js datasets/facades facades '{ "direction": "BtoA", "netG": "unet_128" }'
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type OptionValues, PixcycleError, train } from "pixcycle";

const [dataroot = "datasets/facades", name = "facades", more = "{}"] = process.argv.slice(2);
const options: OptionValues = { model: "pix2pix", dataroot, name, ...JSON.parse(more) };

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

let sum = 0;
let steps = 0;
try {
  const earlier = existsSync(join(options.runs_dir ?? "runs", name));
  const { finished, folder, checkpoint } = await train(
    { ...options, continue_train: earlier },
    {
      signal: stop.signal,
      onNotice: (line) => console.log(line),
      onStep({ losses }) {
        sum += losses.G_L1 ?? 0;
        steps++;
      },
      onEpochEnd({ epoch, learningRate }) {
        console.log(`epoch ${epoch}: mean G_L1 ${(sum / steps).toFixed(2)}, next rate ${learningRate}`);
        sum = 0;
        steps = 0;
      },
    },
  );
  console.log(finished ? `done: ${folder}` : `stopped; start it again to go on from ${checkpoint}`);
} catch (error) {
  if (!(error instanceof PixcycleError)) throw error;
  console.error(error.toLine());
  process.exitCode = error.exitCode;
}
