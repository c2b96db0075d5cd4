import { boundsOnWebgpu } from "./bounds.js";
import { describeInBrowser } from "./browser-goldens.js";

/** All golden steps on onnxruntime-web's WebGPU in Chromium. */
describeInBrowser({ device: "webgpu", threads: 1 }, boundsOnWebgpu);
