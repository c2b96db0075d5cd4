import { loadTranslator } from "pixcycle/web";

// What the tests call: a page of a user, without anything else.
const open = new Map();

async function pictureAs(kind, url) {
  const blob = await (await fetch(url)).blob();
  if (kind === "blob") return blob;
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  if (kind === "bitmap") return bitmap;
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  if (kind === "canvas") return canvas;
  if (kind === "imagedata") return context.getImageData(0, 0, canvas.width, canvas.height);
  if (kind !== "video") throw new Error(kind);
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  await video.play();
  return video;
}

globalThis.page = {
  async load(name, source, options) {
    const translator = await loadTranslator(source, options);
    open.set(name, translator);
    return translator.info;
  },
  async loadBytes(name, url, options) {
    return this.load(name, await (await fetch(url)).arrayBuffer(), options);
  },
  async translate(name, kind, url, preparation) {
    const { width, height, data } = await open.get(name).translate(await pictureAs(kind, url), preparation);
    return { width, height, data: Array.from(data) };
  },
  /** Median and fastest of several translations of a drawing, in milliseconds, and the frames that the page drew meanwhile. */
  async time(name, side, runs) {
    const canvas = new OffscreenCanvas(side, side);
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, side, side);
    context.lineWidth = 4;
    const times = [];
    let frames = 0;
    const count = () => {
      frames++;
      if (times.length < runs) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    for (let run = 0; run < runs; run++) {
      context.beginPath();
      context.moveTo(10, 10 + run);
      context.lineTo(side - 10, side - 10);
      context.stroke();
      const begin = performance.now();
      await open.get(name).translate(canvas);
      times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    return { median: times[runs >> 1], fastest: times[0], frames };
  },
  async failure(action) {
    try {
      await action();
      return "no failure";
    } catch (error) {
      return `${error.name} ${error.code}: ${error.message}`;
    }
  },
  close: (name) => open.get(name).close(),
};
