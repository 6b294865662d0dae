/**
 * Every class of devices, the cable pulled after every byte that any of its commands sends or gets
 * back, and plugged in again: it works again, what was shown is shown, nobody's press is recorded
 * twice, nothing is printed by itself, no question stays open. Under virtual time, so that every byte
 * can be tried.
 */
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'
import type { Scenario } from './unplug-bench.ts'
import { otherScenarios } from './unplug-others.ts'
import { padScenarios } from './unplug-pads.ts'
import { Cable, reach, Scheduler, virtualParts } from './virtual.ts'

const scenarios: Record<string, Scenario> = { ...padScenarios, ...otherScenarios }

/** Types whose far end is not bytes on a line; their own suites pull them. */
const elsewhere = ['xfs4iot']

type Pulled = { direction: 'in' | 'out'; left: number; away_ms: number; dark: boolean }

async function run(scenario: Scenario, { dark, ...pulled }: Pulled): Promise<boolean> {
  const pace = new Scheduler()
  const bench = scenario.make(pace)
  const cable = new Cable(pace, bench.model, { baud: 9600, turnaround_ms: 2 })
  cable.scissors = { ...pulled, lost: () => dark && bench.losePower?.() }
  const driver = bench.drive(virtualParts(pace, cable))
  driver.start()
  await bench.use()
  const cut = cable.scissors === null
  // What was not reached in use is not cut while looking.
  cable.scissors = null
  await reach(pace, 20_000, () => driver.view().state === 'online')
  await bench.check()
  expect(driver.view().counters.reconnects > 0).toBe(cut)
  await driver[Symbol.asyncDispose]()
  return cut
}

describe('a cable pulled after every byte, and plugged in again', () => {
  it('is tried on every type of device', () => {
    const tried = Object.values(scenarios).map(({ type }) => type as string)
    expect([...new Set([...tried, ...elsewhere])].sort()).toEqual(Object.keys(deviceTypes).sort())
  })

  for (const [name, scenario] of Object.entries(scenarios)) {
    const dark = scenario.make(new Scheduler()).losePower === undefined ? [false] : [false, true]
    const ways = (['out', 'in'] as const).flatMap((direction) =>
      dark.map((lost) => ({ direction, lost })),
    )
    for (const { direction, lost } of ways) {
      const way = `${direction === 'out' ? 'to' : 'from'} it${lost ? ', and its power with it' : ''}`
      it(`of a ${name}, ${way}`, async () => {
        const { stride = 1, away_ms = 700 } = scenario
        let left = 0
        const tell = (error: Error) => {
          error.message = `pulled after ${left} bytes: ${error.message}`
          throw error
        }
        while (await run(scenario, { direction, left, away_ms, dark: lost }).catch(tell))
          left += stride
        // A pad that only speaks is sent nothing.
        if (scenario.type !== 'service_password_pad') expect(left).toBeGreaterThan(10)
      })
    }
  }
})
