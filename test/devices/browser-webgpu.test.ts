import { WEBGPU_BOUNDS } from "./bounds.js";
import { describeInBrowser } from "./browser-goldens.js";

/** All golden steps on ONNX Runtime's WebGPU provider in Chromium. */
describeInBrowser({ device: "webgpu", threads: 1 }, WEBGPU_BOUNDS);
