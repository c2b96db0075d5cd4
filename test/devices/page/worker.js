import { answerCalls } from "../../../dist/runtime/calls.js";
import { GraphSession } from "../../../dist/runtime/ort.js";
import { compileCopy } from "../../../dist/runtime/programs.js";
import { openEngine } from "../../../dist/web/model-engine.js";
import { ortModule } from "../../../dist/web/ort-module.js";
import { onDevice } from "../../../dist/web/runtime.js";
import { heldMemory } from "./held-memory.js";

/**
 * The models that the tests have open, as the package's own worker for training has one: in one worker they share ONNX
 * Runtime and the shaders that it compiled. Calls name them by number.
 */
class Models {
  open = [];
  keeper;

  async create(options, settings) {
    if (settings.device === "webgpu") this.keeper ??= await keepShaders(settings);
    const { engine, device } = await openEngine(options, settings);
    if (device !== settings.device) throw new Error(`The page has ${device}.`);
    return this.open.push(engine) - 1;
  }

  memory() {
    return heldMemory();
  }

  call(model, method, ...args) {
    return this.open[model][method](...args);
  }
}

/** A session that stays open: ONNX Runtime keeps compiled shaders as long as there is one. */
function keepShaders(settings) {
  const tiny = compileCopy(new Map([["x", [1]]]));
  return onDevice(settings, ({ ort }) =>
    GraphSession.create(ortModule(ort), tiny, { threads: 0, device: "webgpu" }),
  );
}

const answer = answerCalls(new Models(), (reply) => postMessage(reply));
addEventListener("message", ({ data }) => void answer(data));
