import { createRunner, train } from "pixcycle/web";

// What the tests call: a model step by step, and whole trainings. Numbers come and go as plain arrays.
const runners = new Map();
const trainings = new Map();
const files = new Map();
const floats = ({ shape, data }) => ({ shape, data: Float32Array.from(data) });

async function file(path) {
  const response = await fetch(path);
  return new File([await response.blob()], path.replace(/^.*\//, ""));
}

async function imagesOf(paths) {
  const sides = Object.entries(paths).map(async ([side, list]) => [side, await Promise.all(list.map(file))]);
  return Object.fromEntries(await Promise.all(sides));
}

globalThis.runner = {
  create: (name, options, settings) => {
    runners.set(name, createRunner(options, settings));
  },
  async step(name, { real_A, real_B }, request) {
    const batch = { real_A: floats(real_A), real_B: floats(real_B) };
    return (await runners.get(name).step(batch, request)).losses;
  },
  async state(name) {
    const state = await runners.get(name).saveState();
    // Moments are only named: as text they would be large.
    return [...state].map(([key, { data }]) => [key, key.startsWith("net_") ? Array.from(data, Number) : []]);
  },
  close: (name) => runners.get(name).close(),
};

globalThis.training = {
  /** @param controls `pauseAfter` a step, `checkpoint` by the name it was kept under, `weights` by their addresses */
  async start(name, paths, options, { pauseAfter, checkpoint, weights } = {}) {
    const kept = { losses: [], notices: [], samples: [], checkpoints: [] };
    const networks = Object.entries(weights ?? {}).map(async ([network, path]) => [
      network,
      await file(path),
    ]);
    const training = await train(await imagesOf(paths), options, {
      ...(checkpoint && { checkpoint: files.get(checkpoint) }),
      ...(weights && { weights: Object.fromEntries(await Promise.all(networks)) }),
      onStep({ step, losses }) {
        kept.losses.push(losses);
        if (step === pauseAfter) void trainings.get(name).training.pause();
      },
      onNotice: (line) => kept.notices.push(line),
      onSample: ({ step, columns, rows }) =>
        kept.samples.push({ step, columns, sizes: rows.flat().map(({ width, height }) => [width, height]) }),
      onCheckpoint: ({ step }) => kept.checkpoints.push(step),
    });
    trainings.set(name, { training, kept });
    return training.info;
  },
  async end(name) {
    const { training, kept } = trainings.get(name);
    return { ...(await training.ended), ...kept };
  },
  kept: (name) => trainings.get(name).kept,
  async keep(name, file) {
    files.set(file, await trainings.get(name).training.checkpoint());
  },
  async exported(name, kind, network) {
    const { training } = trainings.get(name);
    return Array.from(
      await (kind === "onnx" ? training.exportOnnx(network) : training.exportSafetensors(network)),
    );
  },
  call: (name, method) => trainings.get(name).training[method](),
  async failure(paths, options, controls) {
    try {
      await this.start("failing", paths, options, controls);
      return "no failure";
    } catch (error) {
      return `${error.code}: ${error.message} ${error.hint ?? ""}`;
    }
  },
};
