// Fetches published packages once into .cache/packages and unpacks them there; later runs read the cache.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const PACKAGE_CACHE = join(REPOSITORY, ".cache", "packages");

/** The sets' sources, each pinned where the registry keeps versions. */
export const PACKAGES = {
  flat: "@iconify-json/fluent-emoji-flat@1.2.6",
  lineArt: "@iconify-json/fluent-emoji-high-contrast@1.2.6",
  render3d: "@lobehub/fluent-emoji-3d@1.1.0",
  globe: "three-globe@2.45.2",
  twemoji: "@iconify-json/twemoji@1.2.5",
  noto: "@iconify-json/noto@1.2.9",
  nsfwjs: "nsfwjs@4.3.0",
};

/** Unpacks into `folder` through a temporary name, so that an interrupted run leaves no half package. */
async function cached(folder, unpack) {
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await unpack(temporary);
  await rename(temporary, folder);
  return folder;
}

/**
 * The folder of an npm package's files.
 * @param {string} spec `name@version`
 * @returns {Promise<string>}
 */
export async function npmPackage(spec) {
  const folder = join(PACKAGE_CACHE, spec.replace(/^@/, "").replaceAll("/", "-"));
  await cached(folder, async (into) => {
    console.error(`fetching ${spec}`);
    await run("npm", ["pack", spec, "--silent", "--pack-destination", into]);
    const [archive] = (await readdir(into)).filter((name) => name.endsWith(".tgz"));
    await run("tar", ["xzf", join(into, archive), "-C", into]);
    await rm(join(into, archive));
  });
  return join(folder, "package");
}

/**
 * The root folder of a Debian package's files (needs apt-get and dpkg).
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function debianPackage(name) {
  return cached(join(PACKAGE_CACHE, name), async (into) => {
    console.error(`fetching ${name}`);
    await run("apt-get", ["download", name], { cwd: into });
    const [archive] = (await readdir(into)).filter((file) => file.endsWith(".deb"));
    await run("dpkg", ["-x", join(into, archive), into]);
    await rm(join(into, archive));
  });
}
