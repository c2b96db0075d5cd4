import { fromPlain, toPlain } from "../plain.ts";

// Passes calls of the tests on to the worker that owns the models, and its answers back.
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
worker.addEventListener("message", ({ data }) => {
  waiting.get(data.id)?.(toPlain(data));
  waiting.delete(data.id);
});
worker.addEventListener("error", ({ message }) => {
  for (const [id, answer] of waiting) answer({ id, error: { name: "Error", message } });
});

globalThis.answer = (call) =>
  new Promise((resolve) => {
    waiting.set(call.id, resolve);
    worker.postMessage(fromPlain(call));
  });
