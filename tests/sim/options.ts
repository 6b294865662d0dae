/** What one seed draws of a world: how often what goes wrong, and which disaster befalls it. */
import { draw, seeded } from './scheduler.ts'

/** At most one of these in a world: two at once may truly lose what was acknowledged. */
export const disasters = [
  'none',
  'gateway_restored',
  'gateway_cloned',
  'cloud_restored',
  'cloud_restored_too_old',
  'record_rotten',
  'log_missing',
] as const
export type Disaster = (typeof disasters)[number]

export type WorldOptions = {
  halls: number
  pace_ms: number
  faults_ms: number
  drop: number
  duplicate: number
  late: number
  late_ms: number
  gateway_crash_every_ms: number
  cloud_crash_every_ms: number
  partition_every_ms: number
  partition_ms: number
  store_failing: number
  disk_failing: number
  clock_step_every_ms: number
  retention_ms: number
  quota_bytes: number
  snapshot_every: number
  disk_full_every_ms: number
  diskDelay_ms: number
  disaster: Disaster
  /** A restored cloud does not know that it was put back. */
  unnoticed: boolean
  /** A restored gateway got its whole folder back: what stands beside the log is as old as the log. */
  whole_folder: boolean
}

export const OFF = Number.POSITIVE_INFINITY

/** Each feature is off in some worlds, so that the others are seen alone. */
export function drawOptions(seed: number): WorldOptions {
  const rng = seeded(seed)
  const disaster = draw.chance(rng, 0.5) ? draw.of(rng, disasters) : 'none'
  const maybe = (p: number, value: number, off: number) => (draw.chance(rng, p) ? value : off)
  // A backup of the cloud must not be older than what gateways keep, or records are truly gone.
  const retention_ms =
    disaster === 'cloud_restored' ? 1e9 : draw.of(rng, [1_000, 5_000, 20_000, 1e9])
  // What is never pruned fills any quota for good, as does a clone that may ship nothing.
  const prunes = retention_ms < 1e9 && disaster !== 'gateway_cloned'
  const drawn = {
    halls: draw.int(rng, 1, 2),
    pace_ms: draw.between(rng, 1_500, 5_000),
    faults_ms: draw.between(rng, 40_000, 120_000),
    drop: maybe(0.6, draw.between(rng, 0.02, 0.3), 0),
    duplicate: maybe(0.5, draw.between(rng, 0.02, 0.3), 0),
    late: maybe(0.5, draw.between(rng, 0.01, 0.2), 0),
    late_ms: draw.between(rng, 1_000, 40_000),
    gateway_crash_every_ms: maybe(0.6, draw.between(rng, 4_000, 40_000), OFF),
    cloud_crash_every_ms: maybe(0.5, draw.between(rng, 5_000, 40_000), OFF),
    partition_every_ms: maybe(0.5, draw.between(rng, 10_000, 40_000), OFF),
    partition_ms: draw.between(rng, 1_000, 50_000),
    store_failing: maybe(0.5, draw.between(rng, 0.01, 0.15), 0),
    disk_failing: maybe(0.4, draw.between(rng, 0.01, 0.1), 0),
    clock_step_every_ms: maybe(0.3, draw.between(rng, 10_000, 60_000), OFF),
    retention_ms,
    quota_bytes: prunes ? maybe(0.3, draw.between(rng, 40_000, 200_000), 1e9) : 1e9,
    snapshot_every: draw.of(rng, [20, 100, 400]),
    disk_full_every_ms: maybe(0.25, draw.between(rng, 10_000, 50_000), OFF),
    diskDelay_ms: draw.between(rng, 1, 60),
    disaster,
    unnoticed: draw.chance(rng, 0.5),
    whole_folder: draw.chance(rng, 0.5),
  }
  // Numbers skip ahead by a few dozen anyway: only a crowd gives out more of them than that.
  const crowd = disaster === 'gateway_restored' && drawn.whole_folder && draw.chance(rng, 0.5)
  return crowd ? { ...drawn, pace_ms: draw.between(rng, 100, 300), quota_bytes: 1e9 } : drawn
}
