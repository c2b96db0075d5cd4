import { pretrainedModels } from "../../data/download/catalogue.js";
import type { Command } from "../command.js";
import { runActions } from "../data/actions.js";
import { getFlags, listRemote, runGetModel } from "../data/get.js";

/** Fetches the pretrained generators of the papers' authors. */
export const command: Command = {
  arguments: "<action> [name]",
  options: [],
  flags: getFlags,
  examples: [
    "model list                          # the names that can be fetched",
    "model get horse2zebra               # to models/horse2zebra.pth; goes on where it was broken off",
    "model get pix2pix/sat2map --dir weights --mirror https://example.org/copies",
  ],
  run: runActions("model", {
    list: { arguments: [], flags: [], run: async (_, output) => listRemote(pretrainedModels, output) },
    get: { arguments: ["NAME"], flags: ["dir", "mirror"], run: runGetModel },
  }),
};
