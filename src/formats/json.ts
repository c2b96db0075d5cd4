/**
 * Whether a value out of JSON is an object. The formats that pages read too check theirs with this rather than with
 * the library that checks options, which is larger than all else on the page.
 */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
