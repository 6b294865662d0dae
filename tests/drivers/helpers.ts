/** One constructor for each side of a wire, with defaults for all a test does not care about. */
import { sleep } from '#devices/std/clock.ts'
import { silent } from '#devices/std/log.ts'
import type { Random } from '#devices/std/random.ts'
import { type Line, type LineOptions, openLine } from '../../firmware-sim/line.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { DriverParts } from '../../gateway/drivers/session.ts'
import { realPace } from '../../gateway/pace.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'

export const pace = realPace

/** mulberry32: a small seeded generator. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000
  }
}

export function lineFor(model: DeviceModel, options: LineOptions = {}, seed = 1): Promise<Line> {
  return openLine(model, { pace, random: seeded(seed) }, options)
}

export function partsFor(port: number, seed = 2): DriverParts {
  return {
    transport: tcpTransport(pace, { host: '127.0.0.1', port }),
    pace,
    random: seeded(seed),
    log: silent,
    wall_ms: () => 0,
  }
}

/** Quick reconnects, so that a test of lost links is not a test of patience. */
export const quick = { first_retry_ms: 5, most_retry_ms: 40 }

/** Waits for a condition without a deadline of its own: the runner's is enough. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(pace, 2, 'test')
}
