import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imageToTensor } from "../../src/data/pixels.js";
import { type LabelPalette, LabelScorer, readPalette } from "../../src/evaluation/segmentation.js";
import { failure, temporaryFolder } from "../data/files.js";

const palette: LabelPalette = [
  { name: "road", color: [128, 64, 128] },
  { name: "sky", color: [70, 130, 180] },
  { name: "car", color: [0, 0, 142] },
  { name: "bus", color: [0, 60, 100] },
];

/** A row of pixels of classes, each channel changed by `noise`. */
function labels(classes: readonly number[], noise = 0) {
  const data = Uint8Array.from(classes.flatMap((c) => palette[c]!.color.map((v) => Math.max(0, v - noise))));
  return imageToTensor({ width: classes.length, height: 1, channels: 3, depth: 8, data });
}

describe("LabelScorer", () => {
  it("gives the measures of the FCN paper, by hand", () => {
    const scorer = new LabelScorer(palette);
    scorer.add(labels([0, 0, 1], 12), labels([0, 0, 0]));
    scorer.add(labels([1, 0], 9), labels([1, 1]));
    const { classes, ...means } = scorer.scores();
    // road: 2 of 3 right, union 3 + 1; sky: 1 of 2 right, union 2 + 1; car and bus are nowhere.
    expect(means.pixelAccuracy).toBeCloseTo(3 / 5, 12);
    expect(means.classAccuracy).toBeCloseTo((2 / 3 + 1 / 2) / 2, 12);
    expect(means.classIoU).toBeCloseTo((2 / 4 + 1 / 3) / 2, 12);
    expect(classes.map(({ pixels }) => pixels)).toEqual([3, 2, 0, 0]);
    expect(classes[2]).toEqual({ name: "car", pixels: 0, accuracy: null, iou: null });
  });

  it("counts a class that only outputs have against IoU, and leaves out ignored pixels", () => {
    const scorer = new LabelScorer(palette.map((entry, i) => ({ ...entry, ignore: i === 3 })));
    scorer.add(labels([0, 2, 0]), labels([0, 0, 3]));
    expect(scorer.scores()).toMatchObject({ pixelAccuracy: 1 / 2, classAccuracy: 1 / 2, classIoU: 1 / 4 });
  });

  it("gives an ignored class no IoU of its own, where outputs have it", () => {
    const scorer = new LabelScorer(palette.map((entry, i) => ({ ...entry, ignore: i === 3 })));
    scorer.add(labels([0, 3, 1]), labels([0, 0, 1]));
    const { classIoU, classes } = scorer.scores();
    expect(classIoU).toBeCloseTo((1 / 2 + 1) / 2, 12);
    expect(classes[3]).toEqual({ name: "bus", pixels: 0, accuracy: null, iou: null });
  });

  it("refuses images of other shapes", () => {
    expect(() => new LabelScorer(palette).add(labels([0]), labels([0, 1]))).toThrow("RGB images of one size");
  });
});

describe("readPalette", () => {
  const folder = temporaryFolder("palette");
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("reads names with colours, and lists", async () => {
    const named = '{"road": [128, 64, 128], "sky": [70, 130, 180]}';
    expect(await readPalette(write("a.json", named))).toEqual(palette.slice(0, 2));
    const list = '[{"name": "a", "color": [0, 0, 0], "ignore": true}, {"name": "b", "color": [1, 2, 3]}]';
    expect((await readPalette(write("b.json", list)))[0]).toMatchObject({ name: "a", ignore: true });
  });

  it.each(["not JSON", "[]", '{"road": [1, 2]}', '{"road": [0, 0, 256]}'])("refuses %s", async (text) => {
    expect((await failure(readPalette(write("bad.json", text)))).code).toBe("E_FILE_FORMAT");
  });

  it("says when there is none", async () => {
    expect((await failure(readPalette(join(folder, "none.json")))).code).toBe("E_FILE_MISSING");
  });
});
