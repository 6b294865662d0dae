/** The plan: what people do, when, and where; and when crashes strike. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HallRules } from '#devices/contract/hall-rules.ts'
import { Crashes } from '../../firmware-sim/replay/crash.ts'
import { waitsOf } from '../../firmware-sim/replay/figures.ts'
import { rulesOf } from '../../firmware-sim/replay/hall-of.ts'
import { type Plan, planOf } from '../../firmware-sim/replay/plan.ts'
import { printReport } from '../../firmware-sim/replay/print.ts'
import { expectationOf, type Report } from '../../firmware-sim/replay/report.ts'
import { readTrace, type Visit } from '../../firmware-sim/replay/trace.ts'
import type { Victim } from '../../firmware-sim/replay/world.ts'
import { asFile, line, smallDay } from './traces.ts'

async function plan(text: string, stretch = 1): Promise<Plan> {
  const { visits } = await readTrace([text])
  return planOf(visits, { seed: 's', stretch })
}

const acts = ({ days }: Plan) =>
  days.flatMap(({ seconds }) =>
    seconds.flatMap(({ acts: all, wall_ms }) =>
      all.map(({ step, person }) => ({
        step,
        line: person.visit.line,
        counter: person.counter,
        wall_ms,
      })),
    ),
  )

test('what ends at a counter comes before what begins there, also within one second', async () => {
  const made = await plan(
    asFile(
      line(1, '10,10,60,60,100', 'served,A01'),
      line(2, '90,95,100,,', 'served,A01'),
      line(3, '90,95,100,100,130', 'served,A01'),
    ),
  )
  const second = acts(made).filter(({ wall_ms }) => wall_ms === acts(made).at(-1)!.wall_ms - 30_000)
  const shown = second.filter(({ step }) => step === 'call' || step === 'done')
  const told = shown.map(({ step, line: n }) => `${step} ${n}`)
  expect(told).toEqual(['done 2', 'call 3', 'done 3', 'call 4'])
  expect(new Set(second.map(({ counter }) => counter))).toEqual(new Set(['A01']))
})

test('a spare counter where the clerk is busy or unknown, the own one otherwise', async () => {
  const made = await plan(
    asFile(
      line(1, '10,10,60,60,100', 'served,A01'),
      line(2, '10,10,70,70,90', 'served,A01'),
      line(3, '10,10,75,75,90', 'served,'),
      line(4, '10,10,100,100,110', 'served,A01'),
    ),
  )
  const seats = made.people.map(({ visit, counter }) => `${visit.line} ${counter}`)
  expect(seats).toEqual(['2 A01', '3 X01', '4 X02', '5 A01'])
  expect(made.counters).toEqual(['A01', 'X01', 'X02'])
})

/** Any visits of two days. */
const visits = fc.array(
  fc
    .record({
      date: fc.constantFrom('1999-02-03', '1999-02-04'),
      at: fc.integer({ min: 0, max: 80_000 }),
      wait: fc.integer({ min: 0, max: 400 }),
      late: fc.integer({ min: 0, max: 3 }),
      serve: fc.integer({ min: 0, max: 300 }),
      clerk: fc.constantFrom('A01', 'A02', null),
      left: fc.boolean(),
    })
    .map(({ date, at, wait, late, serve, clerk, left }) => {
      const shared = { date, service: 'PS', priority: 1 as const, arrived_s: at, adjusted: false }
      const called_s = at + wait
      if (left) return { ...shared, outcome: 'left' as const, ticket_s: at, left_s: called_s }
      const serve_s = called_s + late
      const steps = { called_s, serve_s, done_s: serve_s + serve, queued: true, clerk }
      return { ...shared, outcome: 'served' as const, ticket_s: at, ...steps }
    }),
  { maxLength: 40 },
)

test('never two people at one counter, everybody acts in their own order, time never goes back', () => {
  fc.assert(
    fc.property(visits, fc.constantFrom(1, 6, 0.5), (drawn, stretch) => {
      const people = drawn.map((visit, i) => ({ ...visit, line: i + 2 }) as Visit)
      const made = planOf(people, { seed: 's', stretch })
      const at = new Map<string, number>()
      const last = new Map<number, string[]>()
      let now = -Infinity
      for (const { step, line: n, counter, wall_ms } of acts(made)) {
        expect(wall_ms).toBeGreaterThanOrEqual(now)
        now = wall_ms
        last.set(n, [...(last.get(n) ?? []), step])
        if (counter === null) continue
        if (step === 'call') expect(at.get(counter)).toBeUndefined()
        if (step === 'call') at.set(counter, n)
        if (step === 'done') expect(at.get(counter)).toBe(n)
        if (step === 'done') at.delete(counter)
      }
      const order = ['press', 'call', 'serve', 'card', 'order', 'confirm', 'done', 'leave']
      for (const steps of last.values()) {
        expect(steps).toEqual(order.filter((step) => steps.includes(step)))
      }
    }),
    { numRuns: 200 },
  )
})

test('a day that reaches past midnight moves the next one as a whole', async () => {
  const next = { date: '1999-02-04' }
  const made = await plan(
    asFile(
      line(1, '86390,86390,5,5,100', 'served,A01'),
      line(2, '40,40,70,70,90', 'served,A01', next),
    ),
  )
  const [, second] = made.days
  expect(second!.shift_s).toBe(61)
  expect(second!.opens_ms).toBe(made.days[0]!.closes_ms + 1_000)
  expect(second!.closes_ms - second!.opens_ms).toBe(50_000)
})

test('compressed, no day is lived before its date', async () => {
  const late = { date: '1999-02-09' }
  const served = '36000,36000,36005,36005,100'
  const made = await plan(
    asFile(line(1, served, 'served,A01'), line(2, served, 'served,A01', late)),
    0.1,
  )
  const midnight_ms = made.days[0]!.opens_ms - 3_600_000
  expect(made.days[1]!.opens_ms).toBeGreaterThanOrEqual(midnight_ms + 6 * 86_400_000)
  expect(made.days[1]!.shift_s).toBeGreaterThan(0)
})

test('the report for people names the days that were moved, and how far', () => {
  const nothing = { head: '', fen_by_tender: {} }
  const parts = { trace: {}, hall: {}, log: nothing, booked: nothing, people: nothing }
  const report = { ...parts, ledger: nothing, waits: {}, crashes: {} } as unknown as Report
  const shifted = [{ date: '1999-02-04', shift_s: 61 }]
  expect(printReport(report, shifted)).toContain('1999-02-04 by 61 s')
  expect(printReport(report, [])).not.toContain('begun later')
})

test('stretched, all durations are multiplied and so are the waits', async () => {
  const { visits: small } = await readTrace([smallDay])
  const [plain, slow] = [1, 8].map((stretch) => planOf(small, { seed: 's', stretch }))
  const length = ({ days: [day] }: Plan) => day!.closes_ms - day!.opens_ms
  expect(length(slow!)).toBe(length(plain!) * 8)
  expect(expectationOf(slow!, 8).waits).toMatchObject({ n: 8, max_s: 800, mean_s: 280 })
  expect(expectationOf(plain!, 1)).toEqual({
    hall: { tickets: 12, called: 10, served: 10, left: 2 },
    waits: { n: 8, mean_s: 35, median_s: 20, p90_s: 100, max_s: 100, over_30_min_share: 0 },
  })
})

test('waits that are expected are those that are lived, whatever the stretch', async () => {
  const steps = fc.tuple(fc.nat(80_000), fc.nat(3_000)).map(([from, wait]) => {
    return line(1, `${from},${from},${from + wait},,`, 'served,A01', { date: '1999-02-03' })
  })
  const later = steps.map((text) => text.replace('1999-02-03', '1999-02-09'))
  const stretch = fc.oneof(fc.constantFrom(0.1, 0.3, 1.1, 1 / 3), fc.double({ min: 0.1, max: 3 }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(steps, later), { minLength: 1 }),
      stretch,
      async (all, k) => {
        const made = await plan(asFile(...all), k)
        const pressed = new Map<number, number>()
        const lived_s: number[] = []
        for (const { step, line: who, wall_ms } of acts(made)) {
          if (step === 'press') pressed.set(who, wall_ms)
          if (step === 'call') lived_s.push((wall_ms - pressed.get(who)!) / 1_000)
        }
        expect(expectationOf(made, k).waits).toEqual(waitsOf(lived_s))
      },
    ),
    { numRuns: 200 },
  )
})

test('the same seed gives the same plan, another one another', async () => {
  const { visits: small } = await readTrace([smallDay])
  const money = (seed: string) =>
    JSON.stringify(
      planOf(small, { seed, stretch: 1 }).people.map(({ order, card }) => [order, card]),
    )
  expect(money('a')).toBe(money('a'))
  expect(money('a')).not.toBe(money('b'))
})

test('any services and clerks make a valid hall', async () => {
  const odd = ['PS', 'a b', '税务', '-', 'S2'].map((service, i) =>
    line(i + 1, '10,10,60,60,100', `served,clerk ${i}`, { service }),
  )
  const { visits: people } = await readTrace([asFile(...odd)])
  const { counters } = planOf(people, { seed: 's', stretch: 1 })
  const rules = rulesOf(people, counters)
  expect(HallRules.safeParse(rules).success).toBe(true)
  expect(rules.services.map(({ name }) => name.en)).toEqual(['PS', 'a b', '税务', '-', 'S2'])
  expect(HallRules.safeParse(rulesOf([], [])).success).toBe(true)
})

test('a service that no rules may be named after is shown as well as can be', async () => {
  const odd = ['PS', 'PS\0', `${'a'.repeat(59)}😀`].map((service, i) =>
    line(i + 1, '10,10,60,60,100', 'served,A01', { service }),
  )
  const { visits } = await readTrace([asFile(...odd)])
  const { services } = HallRules.parse(rulesOf(visits, ['A01']))
  expect(services.map(({ service }) => service)).toEqual(['PS', 'S2', 'S3'])
  expect(services.map(({ name }) => name.zh)).toEqual(['PS', 'PS\ufffd', `${'a'.repeat(59)}\ufffd`])
})

test('percentiles by nearest rank, strictly above half an hour, nothing of nobody', () => {
  expect(waitsOf([1_800, 1_801, 10, 20])).toEqual({
    ...{ n: 4, mean_s: 907.75, median_s: 20, p90_s: 1_801, max_s: 1_801 },
    over_30_min_share: 0.25,
  })
  expect(waitsOf([])).toMatchObject({ n: 0, mean_s: null, max_s: null })
})

describe('crashes', () => {
  async function strike(crashes: number, ack_ms: number, count: number) {
    const struck: Victim[] = []
    const target = { up: async () => {}, crash: (victim: Victim) => struck.push(victim) > 0 }
    const made = new Crashes(target, { crashes, acts: count, seed: 'x' })
    for (let i = 0; i < count; i++) {
      await made.around(() => new Promise((resolve) => setTimeout(resolve, ack_ms)))
    }
    // Longer than the latest strike, and turns for a machine that stood still meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 40))
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
    return { struck, counts: made.counts, left: made.left }
  }

  test('at least half strike before the acknowledgement, each part is hit', async () => {
    const { struck, counts, left } = await strike(8, 3, 100)
    expect(left).toBe(0)
    expect(struck.length).toBe(8)
    expect(counts.gateway + counts.controller + counts.database).toBe(8)
    expect(counts.before_ack).toBeGreaterThanOrEqual(4)
    expect(new Set(struck).size).toBe(3)
  })

  test('one whose victim is down already is not counted as another', async () => {
    let struck = 0
    const down = new Map<Victim, Promise<void>>()
    const target = {
      up: async (victim: Victim) => down.get(victim),
      crash(victim: Victim) {
        if (down.has(victim)) return false
        struck++
        const back = new Promise<void>((resolve) => setTimeout(resolve, 40))
        down.set(
          victim,
          back.then(() => void down.delete(victim)),
        )
        return true
      },
    }
    const made = new Crashes(target, { crashes: 20, acts: 60, seed: 'x' })
    const act = () => made.around(() => new Promise((resolve) => setTimeout(resolve, 6)))
    for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 5 }, act))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { gateway, controller, database } = made.counts
    expect(gateway + controller + database).toBe(struck)
    expect(struck + made.left).toBe(20)
  })

  test('one that found no action in time is told, not counted', async () => {
    const { struck, left } = await strike(5, 0, 2)
    expect(struck.length + left).toBe(5)
    expect(left).toBeGreaterThan(0)
  })
})
