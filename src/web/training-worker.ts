import { sendError } from "../errors.js";
import { answerCalls, buffersOfState, type Call, type Reply } from "../runtime/calls.js";
import { openEngine } from "./model-engine.js";
import { Training } from "./training.js";
import type { TrainingSetup } from "./training-setup.js";

/** The web worker that owns a model in training: the page stays alive while it computes. */

const reply = (message: Reply): void => postMessage(message, { transfer: buffersOfState(message) });

/** The first message says what to make; all others are calls of it. */
addEventListener(
  "message",
  ({ data }: MessageEvent<TrainingSetup>) => {
    const answer = create(data).then((target) => answerCalls(target, reply));
    answer.catch((error: unknown) => reply({ id: -1, error: sendError(error) }));
    addEventListener("message", async ({ data: call }: MessageEvent<Call>) => {
      await answer.then(
        (respond) => respond(call),
        () => undefined,
      );
    });
  },
  { once: true },
);

async function create(setup: TrainingSetup): Promise<object> {
  if (setup.kind === "model") return (await openEngine(setup.options, setup.settings)).engine;
  return Training.open(setup.request, (message) => postMessage(message));
}
