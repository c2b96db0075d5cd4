import type { Command } from "./command.js";

/** A command by its name, not loaded yet. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the command's module; only the command that is run is loaded. */
  load(): Promise<{ readonly command: Command }>;
}

/** Every command, in the order of `pixcycle --help`. A new command is a file in `commands/` and a line here. */
export const registry: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "see it work: train on built-in icons for a few minutes, flat to 3D",
    load: () => import("./commands/demo.js"),
  },
  {
    name: "train",
    summary: "train pix2pix or CycleGAN on a folder of images",
    load: () => import("./commands/train.js"),
  },
  {
    name: "distill",
    summary: "train a small generator to do what a trained one does",
    load: () => import("./commands/distill.js"),
  },
  {
    name: "translate",
    summary: "translate images of any size with a trained model",
    load: () => import("./commands/translate.js"),
  },
  {
    name: "eval",
    summary: "score a model or a folder of outputs on a test set, beside baselines",
    load: () => import("./commands/eval.js"),
  },
  {
    name: "export",
    summary: "write a trained network as ONNX or safetensors, or a web page for it",
    load: () => import("./commands/export.js"),
  },
  {
    name: "import",
    summary: "take over weights of the reference implementation, from PyTorch",
    load: () => import("./commands/import.js"),
  },
  {
    name: "data",
    summary: "fetch, check, combine and split data sets, draw edges",
    load: () => import("./commands/data.js"),
  },
  {
    name: "model",
    summary: "fetch pretrained generators",
    load: () => import("./commands/model.js"),
  },
  {
    name: "inspect",
    summary: "look into a run, a checkpoint or a weight file, and check it",
    load: () => import("./commands/inspect.js"),
  },
  {
    name: "bench",
    summary: "time training steps and translations",
    load: () => import("./commands/bench.js"),
  },
  {
    name: "step",
    summary: "run training steps on given weights and batches",
    load: () => import("./commands/step.js"),
  },
  {
    name: "doctor",
    summary: "check this machine: versions, providers, threads, memory, a small self test",
    load: () => import("./commands/doctor.js"),
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: () => import("./commands/completion.js"),
  },
];
