import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imageToTensor } from "../../src/data/pixels.js";
import { FeatureCollector } from "../../src/evaluation/distribution.js";
import { symmetricEigenvalues } from "../../src/evaluation/eigenvalues.js";
import { type FeatureExtractor, openFeatures, rangeOf } from "../../src/evaluation/features.js";
import { frechetDistance } from "../../src/evaluation/frechet.js";
import { kid, mmd2 } from "../../src/evaluation/kid.js";
import { readOnnxMetadata } from "../../src/onnx/metadata.js";
import { encodeOnnxModel } from "../../src/onnx/model.js";
import { failure, noiseImage, temporaryFolder } from "../data/files.js";

/** Numbers that numpy can repeat: sin(7.3 i + 1.7 j + s) cos(0.37 i j + s / 2) + s / 10. */
const features = (count: number, length: number, s: number): Float32Array[] =>
  Array.from({ length: count }, (_, i) =>
    Float32Array.from(
      { length },
      (_, j) => Math.sin(i * 7.3 + j * 1.7 + s) * Math.cos(i * j * 0.37 + s * 0.5) + s * 0.1,
    ),
  );

/** Computed with numpy 1.24 in 64 bits: eigh for the matrix root of the Fréchet distance. */
const CASES = [
  { n: 5, m: 7, d: 12, kid: -0.17905410786709064, frechet: 5.4615660349388255 },
  { n: 40, m: 30, d: 8, kid: -0.0034891433656705217, frechet: 0.23131789723747787 },
  { n: 30, m: 20, d: 20, kid: 0.02172917196721258, frechet: 2.486729677407002 },
  { n: 300, m: 6, d: 16, kid: -0.0024519296700584725, frechet: 4.303539031316393 },
];

describe("KID and the Fréchet distance", () => {
  it.each(CASES)("equal numpy's for $n and $m images of $d features", ({ n, m, d, ...expected }) => {
    const a = features(n, d, 0);
    const b = features(m, d, 1.5);
    expect(mmd2(a, b)).toBeCloseTo(expected.kid, 7);
    expect(mmd2(b, a)).toBeCloseTo(expected.kid, 7);
    expect(frechetDistance(a, b)).toBeCloseTo(expected.frechet, 6);
    expect(frechetDistance(b, a)).toBeCloseTo(expected.frechet, 6);
  });

  it("compare all images at once where there are no more than a subset's", () => {
    const a = features(40, 8, 0);
    const b = features(30, 8, 1.5);
    expect(kid(a, b)).toEqual({ mean: mmd2(a, b), deviation: null, subsets: 1, subsetSize: 40 });
  });

  it("average random subsets of larger sets, the same for the same seed", () => {
    const a = features(1100, 2, 0);
    const b = features(12, 2, 1.5);
    const result = kid(a, b, 3);
    expect(result).toMatchObject({ subsets: 100, subsetSize: 1000 });
    expect(result).toEqual(kid(a, b, 3));
    expect(result.mean).not.toBe(kid(a, b, 4).mean);
    const all = mmd2(a, b);
    expect(Math.abs(result.mean - all)).toBeLessThan(result.deviation!);
    expect(result.deviation).toBeGreaterThan(0);
  });

  it("are 0 and below for a set and itself", () => {
    const a = features(30, 8, 0);
    expect(Math.abs(frechetDistance(a, a))).toBeLessThan(1e-6);
    expect(kid(a, a).mean).toBeLessThan(0);
  });

  it("need two images a side", async () => {
    const one = features(1, 4, 0);
    expect(() => kid(one, features(3, 4, 1))).toThrow("two images on each side, not 1 and 3");
    expect(() => frechetDistance(features(3, 4, 1), one)).toThrow("not 3 and 1");
  });
});

describe("symmetricEigenvalues", () => {
  it("equals numpy's", () => {
    const rows = features(6, 6, 0.3);
    const matrix = Float64Array.from({ length: 36 }, (_, at) => {
      const [i, j] = [Math.floor(at / 6), at % 6];
      return rows[i]![j]! + rows[j]![i]!;
    });
    const expected = [-3.0905812499831793, -2.633152612152248, -1.6705517853346705];
    expected.push(-0.9297813953153099, 1.5262320559938924, 2.597567329153917);
    for (const [k, value] of symmetricEigenvalues(matrix, 6).entries()) {
      expect(value).toBeCloseTo(expected[k]!, 12);
    }
  });

  it("keeps trace and sum of squares of any symmetric matrix, in ascending order", () => {
    const matrices = fc.integer({ min: 1, max: 12 }).chain((n) =>
      fc
        .array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: n * n, maxLength: n * n })
        .map((values) => ({
          n,
          matrix: Float64Array.from(values, (_, at) => {
            const [i, j] = [Math.floor(at / n), at % n];
            return values[Math.max(i, j) * n + Math.min(i, j)]!;
          }),
        })),
    );
    fc.assert(
      fc.property(matrices, ({ n, matrix }) => {
        const values = [...symmetricEigenvalues(matrix, n)];
        const trace = Array.from({ length: n }, (_, i) => matrix[i * n + i]!).reduce((a, b) => a + b, 0);
        expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(trace, 9);
        const squares = matrix.reduce((sum, x) => sum + x * x, 0);
        expect(values.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(squares, 8);
        expect(values).toEqual([...values].sort((a, b) => a - b));
      }),
    );
  });

  it("takes zero and diagonal matrices", () => {
    expect([...symmetricEigenvalues(new Float64Array(9), 3)]).toEqual([0, 0, 0]);
    const [low, high] = symmetricEigenvalues(Float64Array.of(3, 0, 0, -2), 2);
    expect(low).toBeCloseTo(-2, 14);
    expect(high).toBeCloseTo(3, 14);
  });
});

const folder = temporaryFolder("features");

/** A network whose two features are the means of red and of blue at each place, in a file. */
function writeExtractor(name: string, side: number | string, metadata: Record<string, string>): string {
  const weights = Float32Array.of(1, 0, 0, 0, 0, 1);
  const path = join(folder, name);
  mkdirSync(folder, { recursive: true });
  const model = {
    name: "pick",
    nodes: [{ opType: "Conv", name: "pick", inputs: ["x", "w"], outputs: ["y"], attributes: {} }],
    initializers: [{ name: "w", shape: [2, 3, 1, 1], data: weights }],
    inputs: [{ name: "x", shape: ["n", 3, side, side] }],
    outputs: [{ name: "y", shape: ["n", 2, side, side] }],
    metadata,
  };
  writeFileSync(path, encodeOnnxModel(model));
  return path;
}

async function means(extractor: FeatureExtractor): Promise<number[]> {
  const grey = { width: 3, height: 2, channels: 1, depth: 8, data: new Uint8Array(6).fill(255) } as const;
  const features = await extractor.extract(imageToTensor(grey));
  await extractor.close();
  return [...features];
}

describe("openFeatures", () => {
  it("takes name, size and range from the file, or from what is given", async () => {
    const path = writeExtractor("said.onnx", "side", {
      ...{ features_name: "red and blue", features_size: "8", features_range: "0, 255" },
    });
    const said = await openFeatures(path);
    expect(said).toMatchObject({ name: "red and blue", size: 8, range: [0, 255] });
    expect(await means(said)).toEqual([255, 255]);
    const given = await openFeatures(path, { size: 4, range: [0, 1] });
    expect(given).toMatchObject({ size: 4, range: [0, 1] });
    expect(await means(given)).toEqual([1, 1]);
  });

  it("takes a fixed size from the model itself, and has defaults", async () => {
    const fixed = await openFeatures(writeExtractor("fixed.onnx", 6, {}));
    expect(fixed).toMatchObject({ name: "fixed.onnx", size: 6, range: [-1, 1] });
    await fixed.close();
    const error = await failure(openFeatures(writeExtractor("open.onnx", "side", {})));
    expect(error.toLine()).toMatch(/^E_OPTION: .*open\.onnx does not say .* --features_size\.$/);
  });

  it("refuses what is no model, and what is not there", async () => {
    const path = join(folder, "text.onnx");
    writeFileSync(path, "This is no ONNX file.");
    expect((await failure(openFeatures(path))).code).toBe("E_FILE_FORMAT");
    expect((await failure(openFeatures(join(folder, "none.onnx")))).code).toBe("E_FILE_MISSING");
    const wrongSize = await openFeatures(writeExtractor("six.onnx", 6, {}), { size: 7 });
    const error = await failure(means(wrongSize));
    expect(error.toLine()).toMatch(
      /^E_RUNTIME: .*six\.onnx does not take an image of 7×7\. Check --features_size\.$/,
    );
  });

  it("collects sets by name", async () => {
    const extractor = await openFeatures(writeExtractor("sets.onnx", 4, {}));
    const collector = new FeatureCollector(extractor, 0);
    const image = (key: string) => imageToTensor(noiseImage(4, 4, 3, 8, key));
    for (const key of ["a", "b", "c"]) {
      await collector.addReal(image(key));
      await collector.add("same", image(key));
    }
    await extractor.close();
    const { same } = collector.scores();
    expect(same).toMatchObject({ images: 3, real: 3 });
    expect(Math.abs(same!.frechet!)).toBeLessThan(1e-6);
  });
});

describe("rangeOf", () => {
  it("reads two numbers only", () => {
    expect(rangeOf("-1,1")).toEqual([-1, 1]);
    for (const text of [undefined, "", "1", "1,", "a,b", "1,2,3"]) expect(rangeOf(text)).toBeUndefined();
  });
});

describe("readOnnxMetadata", () => {
  it("refuses every beginning of a file that ends inside a field", () => {
    const bytes = encodeOnnxModel({
      ...{ name: "m", nodes: [], initializers: [], inputs: [], outputs: [] },
      metadata: { key: "a value" },
    });
    expect(readOnnxMetadata(bytes, "m")).toEqual({ key: "a value" });
    expect(() => readOnnxMetadata(bytes.subarray(0, bytes.length - 1), "m.onnx")).toThrow(
      "m.onnx is not an ONNX model",
    );
  });
});
