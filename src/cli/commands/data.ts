import { dataSets } from "../../data/download/catalogue.js";
import type { Command } from "../command.js";
import { runActions } from "../data/actions.js";
import { checkFlags, checkOptions, runCheck } from "../data/check.js";
import { getFlags, listRemote, runGetData } from "../data/get.js";
import { runCombine, runEdges, runSplit, toolFlags } from "../data/tools.js";

/** Everything about data sets before the training: fetch, check, make, divide. */
export const command: Command = {
  arguments: "<action> [paths...]",
  options: [...checkOptions, "seed"],
  flags: [
    ...getFlags,
    { name: "keep_archive", summary: "get: keep the archive after it is extracted" },
    ...checkFlags,
    ...toolFlags,
  ],
  examples: [
    "data list                                   # the data sets that can be fetched",
    "data get horse2zebra                        # to datasets/horse2zebra; goes on where it was broken off",
    "data get pix2pix/facades --mirror https://example.org/copies --dir data",
    "data check datasets/horse2zebra --sheet sheet.png",
    "data edges photos edges                     # black lines on white, one pixel wide",
    "data combine edges photos pairs             # equal names side by side, A | B",
    "data split pairs --val 0.1 --test 0.1 --seed 1 --out datasets/shoes",
  ],
  run: runActions("data", {
    list: { arguments: [], flags: [], run: async (_, output) => listRemote(dataSets, output) },
    get: { arguments: ["NAME"], flags: ["dir", "mirror", "keep_archive"], run: runGetData },
    check: { arguments: ["DIR"], flags: ["sheet", ...checkOptions, "config"], run: runCheck },
    combine: { arguments: ["A", "B", "OUT"], flags: [], run: runCombine },
    edges: { arguments: ["DIR", "OUT"], flags: ["sigma", "low", "high"], run: runEdges },
    split: { arguments: ["DIR"], flags: ["val", "test", "seed", "out", "unpaired", "config"], run: runSplit },
  }),
};
