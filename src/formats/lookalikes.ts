/** What a file is instead of what it should be, and what to do; undefined where that cannot be told. */
export function lookalike(head: Uint8Array): { readonly problem: string; readonly hint: string } | undefined {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  const [, problem, hint] = LOOKALIKES.find(([matches]) => matches(text)) ?? [];
  return problem === undefined || hint === undefined ? undefined : { problem, hint };
}

const HEAD_BYTES = 512;

const LOOKALIKES: readonly (readonly [matches: (text: string) => boolean, problem: string, hint: string])[] =
  [
    [(text) => text === "", "it is empty", "Copy or download it again."],
    [
      (text) => /^\s*<(!doctype|html|\?xml)/i.test(text),
      "it is a web page",
      "The download failed; fetch the file again.",
    ],
    [
      (text) => text.startsWith("version https://git-lfs"),
      "it is a Git LFS pointer",
      "Run `git lfs pull` to fetch the file itself.",
    ],
    [(text) => text.startsWith("\x1f\x8b"), "it is gzip-compressed", "Unpack it with gunzip first."],
    [(text) => text.startsWith("\x89HDF"), "it is an HDF5 file", "Convert it to safetensors first."],
  ];
