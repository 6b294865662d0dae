/** Waits as figures: percentiles by nearest rank, shares strictly above. Pure. */

export type Waits = {
  n: number
  mean_s: number | null
  median_s: number | null
  p90_s: number | null
  max_s: number | null
  over_30_min_share: number | null
}

const HALF_HOUR_S = 1_800

export function waitsOf(waits_s: readonly number[]): Waits {
  const sorted = waits_s.toSorted((a, b) => a - b)
  const n = sorted.length
  if (n === 0) {
    const none = { mean_s: null, median_s: null, p90_s: null, max_s: null }
    return { n, ...none, over_30_min_share: null }
  }
  const rank = (share: number) => sorted[Math.max(1, Math.ceil(share * n)) - 1] as number
  const over = sorted.filter((wait_s) => wait_s > HALF_HOUR_S).length
  return {
    n,
    mean_s: round(sorted.reduce((sum, wait_s) => sum + wait_s, 0) / n, 3),
    median_s: rank(0.5),
    p90_s: rank(0.9),
    max_s: sorted[n - 1] as number,
    over_30_min_share: round(over / n, 6),
  }
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}
