import { createRunner } from "pixcycle/web";

// A model in training, step by step. Numbers come and go as plain arrays.
const runners = new Map();
const floats = ({ shape, data }) => ({ shape, data: Float32Array.from(data) });

globalThis.training = {
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
