import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Time of some nodes of a graph, in milliseconds per run, and how many they are. */
export interface ProfileEntry {
  readonly name: string;
  readonly milliseconds: number;
  readonly nodes: number;
}

/** Where the time of a graph goes; each node counts with its fastest run. */
export interface Profile {
  /** By the execution provider that the nodes are placed on. */
  readonly providers: readonly ProfileEntry[];
  /** By the ONNX operator. */
  readonly kinds: readonly ProfileEntry[];
  /** By the first two parts of the scope, such as `net_G/down3`, and whether they are part of a gradient. */
  readonly scopes: readonly ProfileEntry[];
  /** By scope and operator, like blocks together: `net_G/block, gradient: Gemm`. */
  readonly layers: readonly ProfileEntry[];
}

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly provider?: string };
}

const KERNEL = "_kernel_time";

/** Gives `work` a file prefix for ONNX Runtime's profile and sums up what it wrote; nothing is left on disk. */
export async function profiled<T>(
  work: (profilePrefix: string) => Promise<T>,
): Promise<{ result: T; profile: Profile }> {
  const folder = await mkdtemp(join(tmpdir(), "pixcycle-profile-"));
  try {
    const result = await work(join(folder, "trace"));
    return { result, profile: await readProfile(folder) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sums up the profiles in a folder. */
export async function readProfile(folder: string): Promise<Profile> {
  const files = await readdir(folder);
  const traces = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return summarise(traces.flatMap((text) => JSON.parse(text) as TraceEvent[]));
}

/** Sums ONNX Runtime's trace events by operator, by scope and by both. */
export function summarise(events: readonly TraceEvent[]): Profile {
  const fastest = new Map<string, TraceEvent>();
  for (const event of events) {
    if (event.cat !== "Node" || !event.name.endsWith(KERNEL)) continue;
    const known = fastest.get(event.name);
    if (!known || event.dur < known.dur) fastest.set(event.name, event);
  }
  const nodes = [...fastest.values()];
  return {
    providers: sums(nodes, ({ args }) => args.provider ?? "?"),
    kinds: sums(nodes, ({ args }) => args.op_name ?? "?"),
    scopes: sums(nodes, ({ name }) => scopeOf(name)),
    layers: sums(
      nodes,
      ({ name, args }) => `${scopeOf(name).replace(/block\d+/, "block")}: ${args.op_name ?? "?"}`,
    ),
  };
}

function scopeOf(node: string): string {
  const parts = node.slice(0, -KERNEL.length).split("/").slice(0, -1);
  const place =
    parts
      .filter((part) => part !== "gradient")
      .slice(0, 2)
      .join("/") || "(none)";
  return parts.includes("gradient") ? `${place}, gradient` : place;
}

function sums(events: readonly TraceEvent[], group: (event: TraceEvent) => string): ProfileEntry[] {
  const totals = new Map<string, { milliseconds: number; nodes: number }>();
  for (const event of events) {
    const total = totals.get(group(event)) ?? { milliseconds: 0, nodes: 0 };
    totals.set(group(event), { milliseconds: total.milliseconds + event.dur / 1000, nodes: total.nodes + 1 });
  }
  return [...totals]
    .map(([name, total]) => ({ name, ...total }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
