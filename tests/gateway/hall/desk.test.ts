import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Source } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { apply, type Fact } from '../../../gateway/hall/apply.ts'
import { type HallDesk, openDesk } from '../../../gateway/hall/desk.ts'
import { shownAt } from '../../../gateway/hall/effects.ts'
import type { Answer, Ask, Effect } from '../../../gateway/hall/input.ts'
import { SUBMITS_WAITING_MAX } from '../../../gateway/hall/limits.ts'
import { emptyState, type HallState, printState } from '../../../gateway/hall/state.ts'
import type { Log } from '../../../gateway/ports.ts'
import { HASH_B, order, press, rules, stamp, TODAY } from './fixtures.ts'
import { askOf, sourceOf, step, wrongIn } from './world.ts'

type Append = Parameters<Log['append']>[0]
type Write = { records: Append; end: (how: 'written' | 'lost' | 'written, not said') => void }

/** A disk whose writes end when and how the test says. */
function slowDisk() {
  const disk: Fact[] = []
  const writes: Write[] = []
  const append = (records: Append) =>
    new Promise<Awaited<ReturnType<Log['append']>>>((resolve, reject) => {
      const end: Write['end'] = (how) => {
        if (how !== 'lost') disk.push(...records.map(({ draft, at }): Fact => ({ ...draft, at })))
        const last = disk.length
        if (how === 'written') resolve({ epoch: 'e', first: last - records.length + 1, last })
        else reject(new Fault('disk_full'))
      }
      writes.push({ records, end })
    })
  const fold = (): HallState =>
    disk.map((fact) => JSON.parse(JSON.stringify(fact)) as Fact).reduce(apply, emptyState())
  return { disk, writes, append, fold }
}

/** Everything that can go on without the disk has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function deskOn(disk: ReturnType<typeof slowDisk>, rebuild = async () => disk.fold()) {
  let fresh = 0
  let ms = 0
  const effects: Effect[] = []
  const desk = openDesk({
    log: { append: disk.append },
    stamps: () => stamp(ms++),
    fresh: () => (++fresh).toString(16).padStart(16, '0'),
    state: disk.fold(),
    rebuild,
    onEffects: (now) => effects.push(...now),
  })
  const answers: (Answer | null)[] = []
  /** Submits and keeps the answer's place; null until it comes. */
  const submit = (ask: Ask, source?: Source): number => {
    const place = answers.push(null) - 1
    void desk.submit(ask, source).then((answer) => {
      answers[place] = answer
    })
    return place
  }
  /** Monotonic reading of the input submitted last: no two share one. */
  const stamped = (): number => ms - 1
  return { desk, effects, answers, submit, stamped }
}

const said = (answer: Answer | null | undefined): string => {
  if (answer == null) return 'nothing'
  return answer.outcome === 'refused' ? answer.fault.code : answer.repeat ? 'repeat' : 'recorded'
}

const event = (n: number): Source => ({ device: 'panel', boot: 'a1', event: n })

describe('the desk', () => {
  let disk: ReturnType<typeof slowDisk>
  let d: ReturnType<typeof deskOn>
  let desk: HallDesk
  const write = async (how: Parameters<Write['end']>[0] = 'written'): Promise<void> => {
    disk.writes.shift()!.end(how)
    await settled()
  }
  const answers = (): string[] => d.answers.map(said)

  beforeEach(async () => {
    disk = slowDisk()
    d = deskOn(disk)
    desk = d.desk
    d.submit({ type: 'config', version: 1, rules: rules() })
    d.submit({ type: 'day.open', day: TODAY, confirmed_by: null })
    for (const counter of ['1', '2']) {
      d.submit({ type: 'counter.sign_in', counter, clerk: 'ann', services: [] })
    }
    await settled()
    await write()
    await write()
    d.answers.length = 0
    d.effects.length = 0
  })

  it('answers, shows and prints nothing before it is on disk', async () => {
    d.submit(press())
    await settled()
    expect([answers(), d.effects, Object.keys(desk.state.tickets)]).toEqual([['nothing'], [], []])
    await write()
    expect(answers()).toEqual(['recorded'])
    expect(d.effects).toEqual([{ type: 'print', ticket: '0000000000000005', reprint: false }])
  })

  it('a repeat waits for the first', async () => {
    d.submit(press(), event(1))
    d.submit(press(), event(1))
    await settled()
    expect(answers()).toEqual(['nothing', 'nothing'])
    await write()
    expect(answers()).toEqual(['recorded', 'repeat'])
    expect(disk.writes).toEqual([])
  })

  it('a refusal that rests on what is not on disk yet waits for it', async () => {
    d.submit(press())
    d.submit({ type: 'call.next', counter: '1' })
    d.submit({ type: 'call.next', counter: '2' })
    await settled()
    expect(answers()).toEqual(['nothing', 'nothing', 'nothing'])
    await write()
    await write()
    expect(answers()).toEqual(['recorded', 'recorded', 'nobody_waiting'])
  })

  it('one order id that two counters bring at once is recorded for the first alone', async () => {
    d.submit(order())
    d.submit(order({ counter: '2', content_hash: HASH_B }))
    await settled()
    expect(answers()).toEqual(['nothing', 'nothing'])
    while (disk.writes.length > 0) await write()
    expect(answers()).toEqual(['recorded', 'wrong_state'])
    const entered = disk.disk.filter(({ kind }) => kind === 'order.entered')
    expect(entered.map(({ data }) => 'counter' in data && data.counter)).toEqual(['1'])
  })

  it('what arrives during a write shares the next, in the order of decisions', async () => {
    for (let n = 0; n < 5; n++) d.submit(press())
    expect(disk.writes.map(({ records }) => records.length)).toEqual([1])
    await write()
    expect(disk.writes.map(({ records }) => records.length)).toEqual([4])
    await write()
    expect(disk.disk.slice(-5).map(({ data }) => 'number' in data && data.number)).toEqual([
      'A001',
      'A002',
      'A003',
      'A004',
      'A005',
    ])
  })

  it('shows what is on disk, not what is decided', async () => {
    d.submit(press())
    await write()
    d.submit({ type: 'call.next', counter: '1' })
    d.submit({ type: 'done', counter: '1' })
    await settled()
    await write()
    expect(shownAt(desk.state as HallState, '1')).toMatchObject({ number: 'A001' })
    await write()
    expect(shownAt(desk.state as HallState, '1')).toBe('blank')
  })

  it('a failed write refuses all who wait and nothing decided on it reaches the disk', async () => {
    d.submit(press())
    d.submit(press())
    d.submit({ type: 'call.next', counter: '1' })
    await settled()
    const before = disk.disk.length
    await write('lost')
    expect(answers()).toEqual(['disk_full', 'disk_full', 'disk_full'])
    expect([disk.disk.length, disk.writes.length]).toEqual([before, 0])
    d.submit(press())
    await write()
    expect(d.answers.at(-1)).toMatchObject({ subject: { number: 'A001' } })
  })

  it('a write that failed in word only is found again by its repeat, and printed marked', async () => {
    d.submit(press(), event(1))
    await write('written, not said')
    expect(answers()).toEqual(['disk_full'])
    // Nobody printed it: closed as unknown by the desk itself.
    expect(disk.writes[0]!.records[0]!.draft).toMatchObject({ data: { outcome: 'unknown' } })
    await write()
    d.submit(press(), event(1))
    await settled()
    const ticket = '0000000000000005'
    expect(d.answers.at(-1)).toMatchObject({ repeat: true, subject: { ticket, number: 'A001' } })
    expect(d.effects.filter(({ type }) => type === 'print')).toEqual([
      { type: 'print', ticket, reprint: true },
    ])
  })

  it('prints once, however often the press comes while the printer is at it', async () => {
    const prints = () => d.effects.filter(({ type }) => type === 'print')
    const ticket = '0000000000000005'
    const delivery = {
      type: 'ticket.delivery',
      ticket,
      outcome: 'unknown',
      reprint: false,
    } as const
    d.submit(press(), event(1))
    await write()
    d.submit(press(), event(1))
    await settled()
    expect(prints()).toHaveLength(1)
    d.submit(delivery)
    await write()
    d.submit(press(), event(1))
    d.submit(press(), event(1))
    await settled()
    expect(prints()).toHaveLength(2)
  })

  it('a delivery lost with its write is closed as unknown', async () => {
    d.submit(press(), event(1))
    await write()
    const ticket = '0000000000000005'
    d.submit({ type: 'ticket.delivery', ticket, outcome: 'printed', reprint: false })
    await write('lost')
    await write()
    expect(disk.disk.at(-1)).toMatchObject({ data: { ticket, outcome: 'unknown' } })
  })

  it('reads the log again when told, behind what is under way', async () => {
    d.submit(press())
    const reloaded = desk.reload()
    d.submit(press())
    await settled()
    expect(disk.writes).toHaveLength(1)
    disk.disk.push({
      ...disk.disk.at(-1)!,
      kind: 'kiosk.visited',
      data: { kiosk: 'k', purpose: 'p' },
    })
    await write()
    await reloaded
    expect(desk.state.counts.kiosk_visits).toBe(1)
    await write()
    expect(answers()).toEqual(['recorded', 'recorded'])
  })

  it('has room for so many who wait', async () => {
    for (let n = 0; n < SUBMITS_WAITING_MAX + 1; n++) {
      d.submit({ type: 'kiosk.visit', kiosk: 'k', purpose: 'p' })
    }
    await settled()
    expect(said(d.answers.at(-1))).toBe('overloaded')
    while (disk.writes.length > 0) await write()
    expect(answers().filter((answer) => answer === 'recorded')).toHaveLength(SUBMITS_WAITING_MAX)
  })
})

it('a log that cannot be read again refuses, and the next input tries once more', async () => {
  const disk = slowDisk()
  let broken = true
  const d = deskOn(disk, async () => {
    if (broken) throw new Fault('log_damaged')
    return disk.fold()
  })
  d.submit({ type: 'config', version: 1, rules: rules() })
  await settled()
  d.submit({ type: 'config', version: 1, rules: rules() })
  disk.writes.shift()!.end('lost')
  await settled()
  d.submit({ type: 'config', version: 1, rules: rules() })
  await settled()
  expect(d.answers.map(said)).toEqual(['disk_full', 'disk_full', 'log_damaged'])
  broken = false
  d.submit({ type: 'config', version: 1, rules: rules() })
  await settled()
  disk.writes.shift()!.end('written')
  await d.desk.idle()
  expect(said(d.answers.at(-1))).toBe('recorded')
})

describe('on a disk that fails as it likes', () => {
  const ends = fc.constantFrom(
    ...Array<'written'>(6).fill('written'),
    'lost' as const,
    'written, not said' as const,
  )
  const days = fc.array(
    fc.record({ step, endsBefore: fc.array(ends, { maxLength: 3 }), turns: fc.nat(2) }),
    { minLength: 1, maxLength: 60 },
  )

  it('what was said is on disk, what is shown is on disk, and the disk makes sense', async () => {
    await fc.assert(
      fc.asyncProperty(days, async (plan) => {
        const disk = slowDisk()
        const d = deskOn(disk)
        const told: boolean[] = []
        const ask = (one: Ask, source?: Source): void => {
          const answered = d.desk.submit(one, source)
          const stamped = d.stamped()
          void answered.then((answer) => {
            if (answer.outcome === 'refused' || answer.repeat) return
            told.push(disk.disk.some(({ at }) => at.mono_ms === stamped))
          })
        }
        ask({ type: 'config', version: 1, rules: rules() })
        ask({ type: 'day.open', day: TODAY, confirmed_by: null })
        for (const [nth, { step: one, endsBefore, turns }] of plan.entries()) {
          ask(askOf(d.desk.state as HallState, one), sourceOf(one, nth))
          for (const how of endsBefore) disk.writes.shift()?.end(how)
          for (let n = 0; n < turns; n++) await settled()
          const shown = printState(d.desk.state as HallState)
          // Between a write and its turn the state may be behind the disk, never ahead of it.
          if (turns > 0) expect(shown).toBe(printState(disk.fold()))
        }
        await settled()
        while (disk.writes.length > 0) {
          disk.writes.shift()!.end('written')
          await settled()
        }
        await d.desk.idle()
        expect(told).not.toContain(false)
        expect(wrongIn(disk.disk)).toBeNull()
        expect(printState(d.desk.state as HallState)).toBe(printState(disk.fold()))
      }),
      { numRuns: 150 },
    )
  })
})
