import { answerCalls } from "../runtime/calls.js";
import { WebEngine } from "./engine.js";

/** The web worker that owns a generator: the page stays alive while it computes. */

const answer = answerCalls(new WebEngine(), (reply) => postMessage(reply));
addEventListener("message", (event) => void answer(event.data));
