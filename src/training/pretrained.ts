import { PixcycleError } from "../errors.js";
import type { FileTensor, TensorMap } from "../formats/tensor.js";
import { readTensorFile } from "../formats/tensor-file.js";
import { toFloatTensor } from "../formats/weights.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";

/** Names of the encoder's tensors, torchvision's. */
const ENCODER = /^features\.\d+\.(weight|bias)$/;

const WHERE = "vgg16-397923af.pth (528 MB, https://download.pytorch.org/models/vgg16-397923af.pth)";

/**
 * Whether a training from the start can have its encoders' weights.
 * @throws PixcycleError E_OPTION if vgg16_unet has neither a file nor `none`
 */
export function checkPretrained({ netG, vgg_weights }: Options): void {
  if (netG !== "vgg16_unet" || vgg_weights !== "") return;
  throw new PixcycleError("E_OPTION", "netG vgg16_unet starts from a trained VGG16, and none is given.", {
    hint: `Get torchvision's ${WHERE} and name it with --vgg_weights, or start from random weights with --vgg_weights none.`,
  });
}

/**
 * Starts the generators' VGG16 encoders from the file `vgg_weights`, if they have one; `none` leaves them random.
 * @throws PixcycleError as `checkPretrained` and `readTensorFile`; E_CHECKPOINT_MISMATCH for a file without VGG16's
 *   convolutions or with other shapes
 */
export async function loadPretrained(options: Options, runner: ModelRunner): Promise<void> {
  checkPretrained(options);
  const { netG, vgg_weights } = options;
  if (netG !== "vgg16_unet" || vgg_weights === "none") return;
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
          hint: `Give ${WHERE}, which has no batch norm, or --vgg_weights none for random weights.`,
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
