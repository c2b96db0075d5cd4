import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PixcycleError } from "../../src/errors.js";
import { readConfigFile } from "../../src/options/config-file.js";
import { presets } from "../../src/options/presets.js";
import { type OptionSources, resolveOptions } from "../../src/options/resolve.js";
import { allOptions } from "../../src/options/schema.js";

function failure(flags: Record<string, unknown>, sources: OptionSources = {}): string {
  try {
    resolveOptions({ ...sources, flags });
  } catch (error) {
    if (error instanceof PixcycleError) return error.toLine();
    throw error;
  }
  throw new Error("resolved without an error");
}

describe("presets", () => {
  it("gives torch-pix2pix's values for --model pix2pix", () => {
    const { options, origins } = resolveOptions({ flags: { model: "pix2pix" } });
    expect(options).toMatchObject({
      preset: "torch-pix2pix",
      ...{ netG: "unet_256", netD: "basic", norm: "batch", no_dropout: false, ngf: 64, ndf: 64 },
      ...{ gan_mode: "vanilla", lambda_L1: 100, pool_size: 0 },
      ...{
        lr: 0.0002,
        beta1: 0.5,
        adam_eps: 1e-8,
        adam_form: "torch",
        lr_policy: "linear",
        lr_decay_iters: 50,
      },
      ...{ dataset_mode: "aligned", direction: "AtoB", load_size: 286, crop_size: 256, batch_size: 1 },
      ...{ n_epochs: 100, n_epochs_decay: 100, epoch_count: 1, save_epoch_freq: 5 },
      ...{ save_latest_freq: 5000, print_freq: 100, display_freq: 400 },
    });
    expect(origins).toMatchObject({ model: "flag", netG: "preset", name: "default" });
  });

  it("changes the generator alone in the mobile presets", () => {
    const small = { netG: "mobile_resnet_9blocks", ngf: 32, norm: "instance", no_dropout: true };
    expect(presets["mobile-pix2pix"]).toEqual({ ...presets["torch-pix2pix"], ...small });
    expect(presets["mobile-cyclegan"]).toEqual({ ...presets["torch-cyclegan"], ...small });
  });

  it("gives torch-cyclegan's values for cycle_gan and its other spelling", () => {
    const { options } = resolveOptions({ flags: { model: "cyclegan" } });
    expect(options).toMatchObject({
      ...{ model: "cycle_gan", preset: "torch-cyclegan", netG: "resnet_9blocks", norm: "instance" },
      ...{ no_dropout: true, gan_mode: "lsgan", lambda_A: 10, lambda_B: 10, lambda_identity: 0.5 },
      ...{ pool_size: 50, dataset_mode: "unaligned", preprocess: "resize_and_crop" },
    });
  });

  it("has the values of TensorFlow's tutorials and of the VGG16 CycleGAN", () => {
    const keras = {
      adam_eps: 1e-7,
      adam_form: "keras",
      pool_size: 0,
      n_epochs_decay: 0,
      lr: 2e-4,
      beta1: 0.5,
    };
    const tutorial = { netG: "unet_256", net_style: "tf", leaky_slope: 0.3, no_dropout: false };
    const jitter = { interpolation: "nearest", load_size: 286, crop_size: 256, no_flip: false };
    const shared = { ...keras, ...tutorial, ...jitter, gan_mode: "vanilla", update_order: "together" };
    expect(presets["tf-pix2pix"]).toMatchObject({
      ...{ ...shared, norm: "batch", norm_eps: 1e-3, norm_momentum: 0.01, lambda_D: 1, lambda_L1: 100 },
      ...{ direction: "BtoA", max_steps: 40_000, save_epoch_freq: 10 },
    });
    expect(presets["tf-cyclegan"]).toMatchObject({
      ...{ ...shared, norm: "instance_affine", norm_eps: 1e-5, lambda_D: 0.5 },
      ...{ lambda_A: 10, lambda_B: 10, lambda_identity: 0.5, n_epochs: 200, save_epoch_freq: 5 },
    });
    expect(presets["vgg-cyclegan"]).toMatchObject({
      ...{ ...keras, netG: "vgg16_unet", netD: "strided", n_layers_D: 4, norm: "instance_affine" },
      ...{ norm_eps: 1e-3, leaky_slope: 0.2, gan_mode: "lsgan", lambda_A: 10, lambda_identity: 0.1 },
    });
  });

  it("sets every option, each to a value that its own schema accepts", () => {
    for (const preset of allOptions.preset.options) {
      const { options } = resolveOptions({ flags: { preset, dataroot: "data" } });
      for (const [name, schema] of Object.entries(allOptions)) {
        const value = options[name as keyof typeof options];
        expect(schema.safeParse(value).success, `${name} = ${value}`).toBe(true);
      }
    }
  });

  it("knows the whole of TensorFlow's tutorials", () => {
    const shared = {
      ...{ netG: "unet_256", net_style: "tf", leaky_slope: 0.3, no_dropout: false, gan_mode: "vanilla" },
      ...{ update_order: "together", pool_size: 0, interpolation: "nearest", load_size: 286, crop_size: 256 },
      ...{ lr: 0.0002, beta1: 0.5, adam_eps: 1e-7, adam_form: "keras", n_epochs_decay: 0, batch_size: 1 },
    };
    expect(resolveOptions({ flags: { preset: "tf-pix2pix" } }).options).toMatchObject({
      ...{ ...shared, model: "pix2pix", norm: "batch", norm_eps: 1e-3, norm_momentum: 0.01, lambda_D: 1 },
      ...{ direction: "BtoA", lambda_L1: 100, max_steps: 40_000 },
    });
    expect(resolveOptions({ flags: { preset: "tf-cyclegan" } }).options).toMatchObject({
      ...{ ...shared, model: "cycle_gan", norm: "instance_affine", norm_eps: 1e-5, lambda_D: 0.5 },
      ...{ lambda_A: 10, lambda_B: 10, lambda_identity: 0.5, n_epochs: 200, max_steps: 0 },
    });
  });

  it("refuses a preset of another model", () => {
    expect(failure({ model: "pix2pix", preset: "torch-cyclegan" })).toMatch(/^E_OPTION_CONFLICT: Preset/);
  });

  it("asks for a model when none is given", () => {
    expect(failure({})).toMatch(/^E_OPTION: No model is chosen\. Give --model pix2pix/);
  });
});

describe("sources", () => {
  const file = { path: "my.json", values: { model: "pix2pix", lr: 0.001, ngf: 32 } };

  it("lets flags win over the file and the file over the preset, and remembers which", () => {
    const { options, origins } = resolveOptions({ file, flags: { ngf: 8 } });
    expect([options.lr, options.ngf, options.ndf]).toEqual([0.001, 8, 64]);
    expect([origins.lr, origins.ngf, origins.ndf, origins.seed]).toEqual([
      "file",
      "flag",
      "preset",
      "default",
    ]);
  });

  it("continues from a run's options", () => {
    const run = resolveOptions({ file, flags: { ngf: 8, dataroot: "d" } });
    const { options, origins } = resolveOptions({ run, flags: { continue_train: true, n_epochs: 3 } });
    expect(options).toEqual({ ...run.options, continue_train: true, n_epochs: 3 });
    expect(origins.n_epochs).toBe("flag");
    expect(origins.lr).toBe("file");
  });

  it("reads a configuration file, and a run's config.json", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
    try {
      const path = join(folder, "c.json");
      await writeFile(path, '{"options": {"lr": 1}, "origins": {}}');
      expect((await readConfigFile(path)).values).toEqual({ lr: 1 });
      await writeFile(path, '{"lr": 2}');
      expect((await readConfigFile(path)).values).toEqual({ lr: 2 });
      await writeFile(path, "{lr: 2");
      await expect(readConfigFile(path)).rejects.toMatchObject({ code: "E_FILE_FORMAT" });
      await writeFile(path, "[1]");
      await expect(readConfigFile(path)).rejects.toMatchObject({ code: "E_FILE_FORMAT" });
      await expect(readConfigFile(`${path}.no`)).rejects.toMatchObject({ code: "E_FILE_MISSING" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("names", () => {
  it("accepts dashes, aliases and negations", () => {
    const flags = {
      model: "cycle_gan",
      "load-size": "300",
      checkpoints_dir: "c",
      dropout: "true",
      "no-flip": true,
    };
    const { options } = resolveOptions({ flags });
    expect(options).toMatchObject({ load_size: 300, runs_dir: "c", no_dropout: false, no_flip: true });
  });

  it("ignores what has no meaning here with one line each", () => {
    const { warnings } = resolveOptions({ flags: { model: "pix2pix", gpu_ids: "0", display_id: "-1" } });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toBe("--gpu_ids is ignored: --device chooses where the model runs.");
  });

  it("suggests the nearest name for an unknown one", () => {
    expect(failure({ model: "pix2pix", lamda_L1: "1" })).toBe(
      "E_OPTION: There is no option --lamda_L1. Did you mean --lambda_L1?",
    );
    expect(failure({ model: "pix2pix", whatever_this_is: "1" })).toMatch(/See --help/);
    const file = { path: "my.json", values: { bach_size: 1 } };
    expect(failure({ model: "pix2pix" }, { file })).toMatch(
      /"bach_size" in my.json. Did you mean batch_size/,
    );
  });
});

describe("values", () => {
  it.each([
    [{ lr: "fast" }, '--lr expects a number above 0, got "fast".'],
    [{ lr: "" }, '--lr expects a number above 0, got "".'],
    [{ lr: "0" }, "--lr expects a number above 0, got 0."],
    [{ beta1: "1" }, "--beta1 expects a number at least 0 and below 1, got 1."],
    [{ ngf: "1.5" }, "--ngf expects a whole number from 1 to 1024, got 1.5."],
    [{ print_freq: 0 }, "--print_freq expects a whole number at least 1, got 0."],
    [{ norm: "layer" }, '--norm expects one of batch, instance, instance_affine, none, got "layer".'],
    [{ no_flip: "maybe" }, '--no_flip expects true or false, got "maybe".'],
    [{ name: "../up" }, '--name expects text that matches ^[\\w][\\w.-]*$, got "../up".'],
  ])("refuses %j", (flags, message) => {
    expect(failure({ model: "pix2pix", ...flags })).toBe(`E_OPTION: ${message}`);
  });
});

describe("conflicts", () => {
  const cycle = { model: "cycle_gan" };
  const pix = { model: "pix2pix" };
  it.each([
    [{ ...cycle, lambda_identity: 0.5, output_nc: 1 }, /lambda_identity 0.5 needs input_nc = output_nc/],
    [{ ...pix, crop_size: 200 }, /unet_256 needs a crop_size that is a multiple of 256, got 200/],
    [{ ...pix, crop_size: 64 }, /Use --crop_size 256 or --netG unet_64/],
    [{ ...cycle, crop_size: 30 }, /resnet_9blocks needs a crop_size that is a multiple of 4/],
    [{ ...cycle, crop_size: 512 }, /load_size 286 is smaller than crop_size 512/],
    [{ ...pix, dataset_mode: "unaligned" }, /Use --model cycle_gan/],
    [{ ...cycle, dataset_mode: "single" }, /has no target/],
    [{ ...cycle, update_order: "D_first" }, /networks learn together/],
    [{ ...cycle, continue_train: true, overwrite: true }, /contradict/],
    [{ ...cycle, fp16: true }, /device is auto.*Add --device webgpu/],
    [{ ...pix, fp16: true, device: "cpu" }, /device is cpu/],
    [{ ...cycle, n_epochs: 1, n_epochs_decay: 0, epoch_count: 5 }, /after the last epoch, 1/],
  ])("refuses %j", (flags, message) => {
    expect(failure(flags)).toMatch(/^E_OPTION_CONFLICT: /);
    expect(failure(flags)).toMatch(message);
  });

  it("allows cycle_gan on aligned data", () => {
    expect(resolveOptions({ flags: { ...cycle, dataset_mode: "aligned" } }).options.model).toBe("cycle_gan");
  });

  it("warns of wgangp next to batch norm, and of nothing else", () => {
    const warned = (flags: Record<string, unknown>) => resolveOptions({ flags }).warnings;
    expect(warned({ ...pix, gan_mode: "wgangp" })).toEqual([expect.stringMatching(/^wgangp's penalty/)]);
    expect(warned({ ...pix, gan_mode: "wgangp", norm: "instance" })).toEqual([]);
    expect(warned(pix)).toEqual([]);
  });

  it("gives a run from before an option its preset's value", () => {
    const { options, origins } = resolveOptions({ flags: pix });
    const { lambda_D: _, ...older } = options;
    const run = { options: { ...older, lambda_L1: 7 } as typeof options, origins };
    expect(resolveOptions({ run }).options).toMatchObject({ lambda_D: 0.5, lambda_L1: 7 });
  });

  it("drops the preset's identity loss when the channels differ, and says so", () => {
    const { options, origins, warnings } = resolveOptions({ flags: { ...cycle, output_nc: 1 } });
    expect(options.lambda_identity).toBe(0);
    expect(origins.lambda_identity).toBe("derived");
    expect(warnings).toEqual(["lambda_identity is 0: the identity loss needs input_nc = output_nc."]);
  });
});

describe("dataset_mode colorization", () => {
  const wanted = { model: "pix2pix", dataset_mode: "colorization", input_nc: 1, output_nc: 2 };

  it("sets the channels and the direction itself, and says so", () => {
    const { options, origins, warnings } = resolveOptions({
      flags: { preset: "tf-pix2pix", dataset_mode: "colorization" },
    });
    expect(options).toMatchObject({ ...wanted, direction: "AtoB" });
    expect([origins.input_nc, origins.output_nc, origins.direction]).toEqual(Array(3).fill("derived"));
    expect(warnings.map((line) => line.split(":")[0])).toEqual([
      ...["input_nc is 1", "output_nc is 2", "direction is AtoB"],
    ]);
    // A run that is continued has them already.
    expect(resolveOptions({ run: { options, origins } }).warnings).toEqual([]);
  });

  it("is what the reference's model of this name trains on", () => {
    expect(resolveOptions({ flags: { model: "colorization" } }).options).toMatchObject(wanted);
    const file = { path: "x.json", values: { dataset_mode: "aligned", model: "colorization" } };
    expect(resolveOptions({ file }).options).toMatchObject({
      ...wanted,
      dataset_mode: "aligned",
      input_nc: 3,
      output_nc: 3,
    });
  });

  it.each([
    [{ model: "cycle_gan" }, "--model pix2pix"],
    [{ model: "pix2pix", input_nc: 3 }, "input_nc 1, got 3"],
    [{ model: "pix2pix", output_nc: 3 }, "output_nc 2, got 3"],
    [{ model: "pix2pix", direction: "BtoA" }, "direction AtoB, got BtoA"],
  ])("refuses %j", (flags, text) => {
    const line = failure({ ...flags, dataset_mode: "colorization" });
    expect(line).toMatch(/^E_OPTION_CONFLICT: dataset_mode colorization/);
    expect(line).toContain(text);
  });
});
