/**
 * Translates a folder of images with a trained model, and one image by hand.
 *
 *     npx tsc -p examples
 *     node .cache/examples/translate-folder.js runs/facades photos results/facades
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeImage, loadTranslator, PixcycleError, translateFiles } from "pixcycle";

const [model = "runs/demo", images = "photos", out = "results/demo"] = process.argv.slice(2);

try {
  const translator = await loadTranslator(model);
  try {
    // Everything in the folder, with an index.html of the results.
    const { results, failures } = await translateFiles(translator, [images], { out, overwrite: true });
    for (const { error } of failures) console.warn(error);
    console.log(`${results.length} images: open ${join(out, "index.html")}`);

    // One image, of any size: pixels in, pixels out.
    const first = results[0];
    if (first !== undefined) {
      const image = await translator.translate(first.input);
      await writeFile(join(out, "first.webp"), await encodeImage(image, "webp"));
    }
  } finally {
    await translator.close();
  }
} catch (error) {
  if (!(error instanceof PixcycleError)) throw error;
  console.error(error.toLine());
  process.exitCode = error.exitCode;
}
