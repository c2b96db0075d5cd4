import { loadTranslator, type WebTranslator } from "pixcycle/web";
import type { SiteInfo } from "../translation/site-info.js";
import { element, html, select } from "./dom.js";
import { say } from "./messages.js";

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

/** Loads the site's model on the device that the page's menu says, and tells how far it is. */
export async function loadModel(site: SiteInfo): Promise<WebTranslator> {
  const loading = html("loading");
  const bar = element("progress", HTMLProgressElement);
  const loaded = html("loaded");
  loading.hidden = false;
  bar.removeAttribute("value");
  say("Loading the model …");
  try {
    const translator = await loadTranslator(site.model, {
      device: select("device-choice").value as "auto" | "wasm" | "webgpu",
      runtime: "./ort/",
      onProgress: (bytes) => {
        bar.value = Math.min(bytes / site.bytes, 1);
        loaded.textContent = `${megabytes(bytes)} of ${megabytes(site.bytes)} MB`;
        if (bytes < site.bytes) return;
        bar.removeAttribute("value");
        loaded.textContent = "Starting …";
      },
    });
    html("device").textContent = deviceName(translator);
    return translator;
  } finally {
    loading.hidden = true;
  }
}

function deviceName({ info: { device, threads } }: WebTranslator): string {
  if (device === "webgpu") return "WebGPU";
  return threads === 1 ? "wasm, 1 thread" : `wasm, ${threads} threads`;
}
