import { WEBGPU_BOUNDS } from "./bounds.js";
import { describeInBrowser } from "./browser-goldens.js";

/** A software driver needs half a minute and more for a case here; ALL_GOLDENS=1 takes all. WebGPU in Node takes all always. */
const ONE_OF_EACH_KIND = ["cycle_gan_resnet6_identity", "pix2pix_mobile_resnet6", "pix2pix_unet64_batchnorm"];

describeInBrowser(
  { device: "webgpu", threads: 1 },
  WEBGPU_BOUNDS,
  process.env.ALL_GOLDENS ? undefined : ONE_OF_EACH_KIND,
);
