import { answerCalls } from "../../../dist/runtime/calls.js";
import { openEngine } from "../../../dist/web/model-engine.js";

/**
 * The models that the tests have open, as the package's own worker for training has one: in one worker they share ONNX
 * Runtime and the shaders that it compiled. Calls name them by number.
 */
class Models {
  open = [];

  async create(options, settings) {
    const { engine, device } = await openEngine(options, settings);
    if (device !== settings.device) throw new Error(`The page has ${device}.`);
    return this.open.push(engine) - 1;
  }

  call(model, method, ...args) {
    return this.open[model][method](...args);
  }
}

const answer = answerCalls(new Models(), (reply) => postMessage(reply));
addEventListener("message", ({ data }) => void answer(data));
