/** Randomness as a type only: a uniform number in [0, 1). Programs bring it, tests seed it. */
export type Random = () => number

/** Full jitter: a delay drawn from [base/2, base * 1.5), so that a thousand halls do not march in step. */
export function jittered(random: Random, base_ms: number): number {
  return base_ms * (0.5 + random())
}

/** Back-off that doubles from `first_ms` to `most_ms`, each drawn with jitter. */
export function* backOff(
  random: Random,
  first_ms: number,
  most_ms: number,
): Generator<number, never> {
  for (let base = first_ms; ; base = Math.min(base * 2, most_ms)) yield jittered(random, base)
}
