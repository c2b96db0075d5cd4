import type { NetworkOptions } from "./schema.js";

/** The normalisation of the discriminator: `norm_D`, or that of the generator. */
export function discriminatorNorm({
  norm,
  norm_D = "same",
}: Pick<NetworkOptions, "norm"> & Partial<Pick<NetworkOptions, "norm_D">>): NetworkOptions["norm"] {
  return norm_D === "same" ? norm : norm_D;
}
