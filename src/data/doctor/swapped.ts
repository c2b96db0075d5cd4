import { median } from "../median.js";

/** A vector of statistics that should point the way that most others do. */
export interface SideVector<T> {
  readonly item: T;
  /** What the image of side A has more than that of side B. */
  readonly difference: readonly number[];
}

export interface SwapFinding<T> {
  /** Spread of the items, in units of which the sides' centres are `distance` from the middle. */
  readonly distance: number;
  readonly swapped: T[];
}

/** Fewer items do not show which way is the usual. */
const MIN_ITEMS = 8;
/** Sides closer than this, in spreads, cannot be told apart surely enough. */
const MIN_DISTANCE = 2;
/** An item counts as exchanged from so many spreads away from the usual, */
const SURE_SPREADS = 4;
/** and at least this part of the usual distance on the other side of the middle. */
const LEAST_REVERSE = 0.3;
/** Smaller spreads than this are rounding, in a range of 0 to 1. */
const LEAST_SPREAD = 0.01;

/**
 * Finds items whose sides look exchanged: a linear discriminant with diagonal covariance, from medians, so that a
 * minority of wrong items does not move it. Says nothing where the sides differ too little, or are exchanged in half
 * of the items.
 *
 * @returns undefined where it cannot tell
 */
export function findSwapped<T>(vectors: readonly SideVector<T>[]): SwapFinding<T> | undefined {
  const direction = usualDirection(vectors);
  if (direction === undefined) return undefined;
  const below = -Math.max(LEAST_REVERSE, SURE_SPREADS / direction.distance - 1);
  const swapped = vectors.filter(({ difference }) => direction.project(difference) < below);
  return { distance: direction.distance, swapped: swapped.map(({ item }) => item) };
}

interface Direction {
  readonly distance: number;
  /** 1 for what is usual, 0 for the middle, −1 for the exact reverse. */
  project(difference: readonly number[]): number;
}

function usualDirection<T>(vectors: readonly SideVector<T>[]): Direction | undefined {
  if (vectors.length < MIN_ITEMS) return undefined;
  const features = vectors[0]!.difference.map((_, f) => vectors.map(({ difference }) => difference[f]!));
  const weights = features.map((values) => {
    const centre = median(values);
    return centre / spread(values, centre) ** 2;
  });
  const dot = (difference: readonly number[]) =>
    difference.reduce((sum, value, f) => sum + value * weights[f]!, 0);
  const projections = vectors.map(({ difference }) => dot(difference));
  const usual = median(projections);
  if (usual <= 0) return undefined;
  // The spread of those that point the usual way; identical ones have none.
  const own = projections.filter((projection) => projection >= 0);
  const around = Math.max(medianDistance(own, usual), usual * 1e-6);
  const distance = usual / around;
  if (distance < MIN_DISTANCE) return undefined;
  return { distance, project: (difference) => dot(difference) / usual };
}

/** A standard deviation from the median distance, as for normal values. */
function medianDistance(values: readonly number[], centre: number): number {
  return 1.4826 * median(values.map((value) => Math.abs(value - centre)));
}

function spread(values: readonly number[], centre: number): number {
  return Math.max(LEAST_SPREAD, medianDistance(values, centre));
}
