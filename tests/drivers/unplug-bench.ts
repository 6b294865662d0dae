/** What a class of devices brings to have its cable pulled, and what all of them need. */
import { expect } from 'vitest'
import type { deviceTypes } from '#devices/types/index.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { DeviceView, DriverParts } from '../../gateway/drivers/session.ts'
import { reach, type Scheduler } from './virtual.ts'

type Driver = AsyncDisposable & { start(): void; view(): DeviceView }
export type Bench = {
  model: DeviceModel
  drive(parts: DriverParts): Driver
  /** What it forgets where the cable is its power too. */
  losePower?(): void
  /** Every command of the class, and what people do; whatever happens to the cable meanwhile. */
  use(): Promise<void>
  /** All is as it should be, and it works. */
  check(): Promise<void>
}
export type Scenario = {
  type: keyof typeof deviceTypes
  /** `slack`: how many times longer than stated a window is to be, where the machine's own time runs. */
  make(pace: Scheduler, slack?: number): Bench
  /** Every byte, or every so many where an answer is long. */
  stride?: number
  away_ms?: number
}

/** What was recorded, by number: each at most once is what all this is about. */
export function bookOf<Input extends { boot: string; event: number }>(pace: Scheduler) {
  const kept: Input[] = []
  // A disk takes its time; the cable does not wait for it.
  const record = async (input: Input) => {
    kept.push(input)
    await new Promise<void>((resolve) => {
      pace.after(230, 'disk', resolve)
    })
    return 'recorded' as const
  }
  const once = () => {
    const keys = kept.map(({ boot, event }) => `${boot}/${event}`)
    expect(new Set(keys).size).toBe(keys.length)
  }
  return { kept, record, once }
}

/** Waits for a promise under virtual time. */
export async function settle<T>(
  pace: Scheduler,
  promise: Promise<T>,
  most_ms = 60_000,
): Promise<T> {
  let over = false
  const done = promise.finally(() => {
    over = true
  })
  done.catch(() => {})
  await reach(pace, most_ms, () => over)
  return done
}
