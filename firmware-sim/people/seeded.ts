/** Randomness that a seed replays: one stream for each thing drawn, so that order never matters. */
import type { Random } from '#devices/std/random.ts'

/** A stream of its own for these names. The same names give the same numbers, ever. */
export function seeded(...names: readonly (string | number)[]): Random {
  let state = hashOf(names.join('\u0000'))
  // splitmix32
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash
}

/** A whole number from 0 to `limit` - 1. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

export function pick<T>(random: Random, from: readonly [T, ...T[]]): T {
  return from[below(random, from.length)] as T
}
