import { PixcycleError } from "../errors.js";
import type { FileTensor, TensorMap } from "../formats/tensor.js";
import { readTensorFile } from "../formats/tensor-file.js";
import { toFloatTensor } from "../formats/weights.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";

/** Names of the encoder's tensors, torchvision's. */
const ENCODER = /^features\.\d+\.(weight|bias)$/;

/**
 * Starts the generators' VGG16 encoders from the file `vgg_weights`, if they have one; `none` leaves them random.
 * @throws PixcycleError E_OPTION if no file is named, E_CHECKPOINT_MISMATCH for one without VGG16's
 *   convolutions or with other shapes, and as `readTensorFile`
 */
export async function loadPretrained(options: Options, runner: ModelRunner): Promise<void> {
  const { netG, vgg_weights } = options;
  if (netG !== "vgg16_unet" || vgg_weights === "none") return;
  if (vgg_weights === "") {
    throw new PixcycleError(
      "E_OPTION",
      "vgg16_unet starts from VGG16's ImageNet weights: no file is given.",
      {
        hint: "Give torchvision's vgg16-397923af.pth with --vgg_weights, or --vgg_weights none for random ones.",
      },
    );
  }
  const { tensors } = await readTensorFile(vgg_weights);
  const encoder: TensorMap = new Map(
    [...tensors].filter(([name]) => ENCODER.test(name)).map(([name, tensor]) => [name, inFloat32(tensor)]),
  );
  const state = await runner.saveState();
  for (const network of generators(options)) {
    const weights = networkOf(state, network);
    const missing = [...weights.keys()].find((name) => ENCODER.test(name) && !encoder.has(name));
    if (missing !== undefined) {
      throw new PixcycleError(
        "E_CHECKPOINT_MISMATCH",
        `${vgg_weights} has no ${missing}: it is not torchvision's VGG16.`,
        {
          hint: "Give vgg16-397923af.pth, without batch norm, or --vgg_weights none for random ones.",
        },
      );
    }
    await runner.loadNetwork(network, new Map([...weights, ...encoder]));
  }
}

const generators = ({ model: name }: Options): readonly string[] =>
  name === "pix2pix" ? ["net_G"] : ["net_G_A", "net_G_B"];

const inFloat32 = (tensor: FileTensor): FileTensor => ({ dtype: "F32", ...toFloatTensor(tensor) });

function networkOf(state: TensorMap, network: string): TensorMap {
  const own = [...state].filter(([key]) => key.startsWith(`${network}/`));
  return new Map(own.map(([key, tensor]) => [key.slice(network.length + 1), tensor]));
}
