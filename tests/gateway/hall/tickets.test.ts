import { describe, expect, it } from 'vitest'
import { NUMBERS_SKIPPED, WAITING_MAX } from '../../../gateway/hall/limits.ts'
import { hall, openHall, press, rules, staffedHall, TODAY } from './fixtures.ts'

const band = (first: number, last: number, prefix = 'A') => ({ prefix, first, last, digits: 3 })

function oneService(first: number, last: number) {
  const [cash] = rules().services
  return { services: [{ ...cash!, band: band(first, last) }] }
}

type Numbers = { day: string; used: { service: string; to: number }[] } | null

function breakIn(h: ReturnType<typeof hall>, continues = false, numbers: Numbers = null): void {
  const epoch = 'e'.repeat(32)
  const reason = 'damaged'
  h.tell({
    kind: 'epoch.begun',
    data: { epoch, number: 2, reason, gateway: 'g', parent: null, continues, numbers },
  })
}

describe('numbers', () => {
  it('each service counts in its own band', () => {
    const h = openHall()
    const numbers = ['cash', 'loans', 'cash'].map((service) => h.must(press(service)).number)
    expect(numbers).toEqual(['A001', 'B001', 'A002'])
  })

  it('a band used up is refused and does not wrap', () => {
    const h = openHall(oneService(998, 999))
    expect([h.code(press()), h.code(press()), h.code(press())]).toEqual([
      'recorded',
      'recorded',
      'numbers_exhausted',
    ])
  })

  it('begin anew with the next business day', () => {
    const h = openHall()
    h.must(press())
    h.must({ type: 'day.open', day: '2026-03-03', confirmed_by: null })
    expect(h.must(press()).number).toBe('A001')
  })

  it('go on when a closed day is opened again', () => {
    const h = openHall()
    h.must(press())
    h.must({ type: 'day.close' })
    expect(h.code(press())).toBe('day_closed')
    h.must({ type: 'day.open', day: TODAY, confirmed_by: null })
    expect(h.must(press()).number).toBe('A002')
  })

  it('skip ahead behind a break in the records, and again in the day opened next', () => {
    const h = openHall()
    h.must(press())
    breakIn(h)
    expect(h.must(press()).number).toBe(`A0${2 + NUMBERS_SKIPPED}`)
    h.must({ type: 'day.open', day: '2026-03-03', confirmed_by: null })
    expect(h.must(press()).number).toBe(`A0${1 + NUMBERS_SKIPPED}`)
    h.clock.ms += 86_400_000
    h.must({ type: 'day.open', day: '2026-03-04', confirmed_by: 'ann' })
    expect(h.must(press()).number).toBe('A001')
  })

  it('do not skip where the new epoch continues the old one', () => {
    const h = openHall()
    h.must(press())
    breakIn(h, true)
    expect(h.must(press()).number).toBe('A002')
    breakIn(h, true, { day: TODAY, used: [{ service: 'cash', to: 7 }] })
    expect(h.must(press()).number, 'but behind what others saw printed').toBe('A008')
  })

  it('begin behind those known to be printed, on that day, whenever it is opened', () => {
    const h = openHall()
    h.must(press())
    breakIn(h, false, { day: TODAY, used: [{ service: 'cash', to: 120 }] })
    expect([h.must(press()).number, h.must(press('loans')).number]).toEqual(['A121', 'B051'])
    const tomorrow = '2026-03-03'
    breakIn(h, false, { day: tomorrow, used: [{ service: 'cash', to: 300 }] })
    expect(h.must(press()).number).toBe('A172')
    h.must({ type: 'day.open', day: tomorrow, confirmed_by: null })
    expect(h.must(press()).number).toBe('A301')
    h.clock.ms += 86_400_000
    h.must({ type: 'day.open', day: '2026-03-04', confirmed_by: 'ann' })
    expect(h.must(press()).number).toBe('A001')
  })

  it('of another band that the service had that day close nothing', () => {
    const h = openHall(oneService(1, 200))
    breakIn(h, true, { day: TODAY, used: [{ service: 'cash', to: 500 }] })
    expect(h.must(press()).number).toBe('A001')
    breakIn(h, true, { day: TODAY, used: [{ service: 'cash', to: 200 + NUMBERS_SKIPPED }] })
    expect(h.code(press()), 'marked ahead of what was printed').toBe('numbers_exhausted')
  })

  it('stay within the band when they skip, and never repeat one that is known', () => {
    const h = openHall(oneService(1, 3))
    h.must(press())
    breakIn(h)
    expect(h.must(press()).number).toBe('A003')
    breakIn(h)
    expect(h.code(press())).toBe('numbers_exhausted')
  })

  it('are not repeated when rules give the numbers of one service to another', () => {
    const h = openHall()
    h.must(press('cash'))
    h.must(press('cash'))
    const [cash, loans] = rules().services
    const swapped = [
      { ...cash!, band: loans!.band },
      { ...loans!, band: cash!.band },
    ]
    h.must({ type: 'config', version: 2, rules: rules({ services: swapped }) })
    expect([h.must(press('loans')).number, h.must(press('cash')).number]).toEqual(['A003', 'B001'])
  })

  it('go on under rules that leave the band alone', () => {
    const h = openHall()
    h.must(press())
    h.must({ type: 'config', version: 2, rules: rules({ counters: ['9'] }) })
    expect(h.must(press()).number).toBe('A002')
  })
})

describe('the line', () => {
  it('a class with credit stands ahead of who came less than that before', () => {
    const h = staffedHall()
    const early = h.must(press()).number
    h.clock.ms += 599_000
    const late = h.must(press())
    h.clock.ms += 1_000
    // 600 s of credit: level with the first, who was issued first, and ahead of the second.
    const gold = h.must(press('cash', 'gold'))
    expect([late.ahead, gold.ahead]).toEqual([1, 1])
    const calls = [0, 0, 0].map(() => {
      const { number } = h.must({ type: 'call.next', counter: '1' })
      h.must({ type: 'done', counter: '1' })
      return number
    })
    expect(calls).toEqual([early, gold.number, late.number])
  })

  it('waiting is told by the monotonic clock within a boot, whatever the wall does', () => {
    const h = staffedHall()
    const plain = h.must(press())
    h.clock.ms += 601_000
    h.clock.wall_ms = 7_200_000
    const gold = h.must(press('cash', 'gold'))
    expect(gold.ahead).toBe(1)
    // A new boot is joined on by the wall: 5 s later, less 600 s.
    h.clock.boot = 'b0070002'
    h.clock.ms += 5_000
    expect(h.must(press('cash', 'gold')).ahead).toBe(2)
    expect(h.must({ type: 'call.next', counter: '1' }).number).toBe(plain.number)
  })

  it('a clock set back at a restart sends nobody ahead of those who wait', () => {
    const h = staffedHall()
    const first = h.must(press()).number
    Object.assign(h.clock, { boot: 'b0070002', ms: 0, wall_ms: -3_600_000 })
    expect(h.must(press()).ahead).toBe(1)
    expect(h.must({ type: 'call.next', counter: '1' }).number).toBe(first)
  })

  it('a counter calls from its services only; without any it calls from all', () => {
    const h = staffedHall()
    h.must({ type: 'counter.sign_in', counter: '1', clerk: 'clerk-1', services: ['loans'] })
    h.must(press('cash'))
    expect(h.code({ type: 'call.next', counter: '1' })).toBe('nobody_waiting')
    expect(h.must({ type: 'call.next', counter: '2' }).number).toBe('A001')
  })

  it('who left is not called', () => {
    const h = staffedHall()
    const ticket = h.must(press()).ticket!
    h.must({ type: 'ticket.leave', ticket })
    expect(h.code({ type: 'call.next', counter: '1' })).toBe('nobody_waiting')
    expect(h.code({ type: 'ticket.leave', ticket })).toBe('wrong_state')
  })
})

describe('delivery', () => {
  const delivery = (ticket: string, outcome: 'printed' | 'failed' | 'unknown') =>
    ({ type: 'ticket.delivery', ticket, outcome, reprint: false }) as const

  it.each([
    ['nothing', null, true],
    ['unknown', 'unknown', true],
    ['failed', 'failed', true],
    ['printed', 'printed', false],
  ] as const)('a no-show whose paper is %s is marked so', (_, outcome, undelivered) => {
    const h = staffedHall()
    const ticket = h.must(press()).ticket!
    if (outcome !== null) h.must(delivery(ticket, outcome))
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'no_show', counter: '1' })
    expect(h.facts.at(-1)).toMatchObject({ kind: 'ticket.no_show', data: { undelivered } })
  })

  it('attempts are counted', () => {
    const h = openHall()
    const ticket = h.must(press()).ticket!
    h.must(delivery(ticket, 'unknown'))
    h.must(delivery(ticket, 'printed'))
    expect(h.facts.at(-1)).toMatchObject({ data: { attempt: 2 } })
  })

  it('voiding takes a failed delivery or a reason', () => {
    const h = openHall()
    const ticket = h.must(press()).ticket!
    const voiding = (reason: string) =>
      ({ type: 'ticket.void', ticket, by: 'ann', reason }) as const
    expect(h.code(voiding(' '))).toBe('invalid')
    h.must(delivery(ticket, 'failed'))
    expect(h.code(voiding(''))).toBe('recorded')
    expect(h.code(voiding('again'))).toBe('wrong_state')
  })

  it('a called ticket that is voided frees its counter', () => {
    const h = staffedHall()
    const ticket = h.must(press()).ticket!
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'ticket.void', ticket, by: 'ann', reason: 'test' })
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('recorded')
  })
})

it('has room for so many who wait', () => {
  const [cash] = rules().services
  const services = [{ ...cash!, band: { prefix: 'A', first: 1, last: 9_999, digits: 4 } }]
  const h = openHall({ services })
  for (let n = 0; n < WAITING_MAX; n++) h.must(press())
  expect(h.code(press())).toBe('overloaded')
  h.must({ type: 'ticket.leave', ticket: Object.keys(h.state.tickets)[7]! })
  expect(h.code(press())).toBe('recorded')
})

it('refuses what it does not know', () => {
  const h = openHall()
  expect(h.code(press('nails'))).toBe('unknown_service')
  expect(h.code(press('constructor'))).toBe('unknown_service')
  expect(h.code(press('cash', 'silver'))).toBe('invalid')
  expect(h.code({ type: 'ticket.leave', ticket: 'f'.repeat(16) })).toBe('unknown_ticket')
  expect(hall().code(press())).toBe('day_closed')
})
