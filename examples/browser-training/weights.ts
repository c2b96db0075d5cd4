/**
 * Files of trained networks by the networks' names, which file names hold: `net_G.safetensors` of a checkpoint,
 * `latest_net_G_A.pth`. A single file may have any name: it is the generator.
 */
export function namedWeights(files: Iterable<File>): Record<string, File> {
  const named: Record<string, File> = {};
  const all = [...files];
  for (const file of all) {
    const name = /net_[GD](_[AB])?/.exec(file.name)?.[0] ?? (all.length === 1 ? "net_G" : undefined);
    if (name === undefined) {
      throw new Error(`${file.name} does not say which network it is. Name it net_G, net_D, net_G_A, …`);
    }
    named[name] = file;
  }
  return named;
}
