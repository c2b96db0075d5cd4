import { PixcycleError } from "../errors.js";
import { presets } from "../options/presets.js";
import type { OptionName, Options } from "../options/schema.js";

/** Options that decide the names and shapes of the saved state. */
const architecture: readonly OptionName[] = [
  ...(["model", "netG", "netD", "n_layers_D", "ngf", "ndf", "norm", "norm_D", "no_dropout"] as const),
  ...(["input_nc", "output_nc", "upsample", "learn_residual", "pool_size"] as const),
  "net_style",
];

/**
 * Returns if a checkpoint's state is one of the model that the options say.
 * @throws PixcycleError E_CHECKPOINT_MISMATCH naming the options that differ
 */
export function checkArchitecture(path: string, saved: Options, options: Options): void {
  // Checkpoints from before an option came to be have its preset's value.
  const before = presets[options.preset] as Partial<Options>;
  const different = architecture.filter((name) => (saved[name] ?? before[name]) !== options[name]);
  if (different.length === 0) return;
  const list = (of: Options) => different.map((name) => `${name} ${of[name]}`).join(", ");
  throw new PixcycleError(
    "E_CHECKPOINT_MISMATCH",
    `${path} is of another architecture: it has ${list(saved)}, the options say ${list(options)}.`,
    { hint: "Leave these options as they were, or begin a new run with another --name." },
  );
}
