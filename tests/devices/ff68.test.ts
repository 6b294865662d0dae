/** The FF 68 frame both ways, and its machines where a clock must be stepped. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { ff68Pad } from '#devices/types/ff68-pad.ts'
import { ff68Rater } from '#devices/types/ff68-rater.ts'
import {
  beepFrame,
  createFf68Deframer,
  encodeFf68,
  type Ff68Frame,
  keyFrame,
  keyOf,
  ratingAnswer,
  ratingFrame,
  ratingOf,
  showFrame,
  showsOf,
  ticketDigits,
} from '#devices/wire/ff68.ts'
import { stepper } from './stepper.ts'
import { bytesIn, feed, golden, holdsSplitLaw, passesSixChunkings, withByte } from './support.ts'

type Golden = {
  keys: { name: string; hex: string; frame: object; key: never }[]
  shows: { name: string; hex: string; frame: object; shows: never }[]
  beep: { hex: string; frame: object }
}
type RaterGolden = {
  exchanges: { name: string; rating: string; answer: string; address: number; key: number }[]
}
const pad = golden<Golden>('ff68-pad.json')
const rater = golden<RaterGolden>('ff68-rater.json')
const all = [
  ...[...pad.keys, ...pad.shows, pad.beep].map(({ hex }) => fromHex(hex)),
  ...rater.exchanges.flatMap(({ rating, answer }) => [fromHex(rating), fromHex(answer)]),
]

function only(hex: string): Ff68Frame {
  const { frames, discarded } = createFf68Deframer().push(fromHex(hex))
  expect(discarded).toEqual([])
  expect(frames).toHaveLength(1)
  return frames[0]!
}

describe('the FF 68 frame', () => {
  for (const { name, hex, frame, key } of pad.keys) {
    it(`${name} both ways`, () => {
      const value = bytesIn<Ff68Frame>(frame, 'data')
      expect(only(hex)).toEqual(value)
      expect(toHex(encodeFf68(value))).toBe(toHex(fromHex(hex)))
      expect(keyOf(value)).toBe(key)
      if (key !== null) expect(keyFrame(value.address, key)).toEqual(value)
    })
  }

  for (const { name, hex, frame, shows } of pad.shows) {
    it(`${name} both ways`, () => {
      const value = bytesIn<Ff68Frame>(frame, 'data')
      expect(only(hex)).toEqual(value)
      expect(toHex(encodeFf68(showFrame(value.address, shows)))).toBe(toHex(fromHex(hex)))
      expect(showsOf(value)).toEqual(shows)
    })
  }

  it('beeps', () => {
    expect(only(pad.beep.hex)).toEqual(beepFrame(1))
    expect(toHex(encodeFf68(beepFrame(1)))).toBe(toHex(fromHex(pad.beep.hex)))
  })

  for (const { name, rating, answer, address, key } of rater.exchanges) {
    it(`a rating, ${name}, both ways and answered`, () => {
      const heard = only(rating)
      expect(heard).toEqual(ratingFrame(address, key))
      expect(ratingOf(heard)).toBe(key)
      expect(toHex(encodeFf68(ratingAnswer(heard)))).toBe(toHex(fromHex(answer)))
      // The same frame but for the command and a sum lowered by hex 10.
      const [asked, answered] = [fromHex(rating), fromHex(answer)]
      const changed = Array.from(asked.keys()).filter((at) => asked[at] !== answered[at])
      expect(changed).toEqual([6, asked.length - 2])
      expect((asked.at(-2)! - answered.at(-2)!) & 0xff).toBe(0x10)
      expect(keyOf(heard)).toBeNull()
    })
  }

  it('passes the six chunkings', () => {
    passesSixChunkings(createFf68Deframer, all[0]!, fromHex('16 68 FF FF 00 03'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createFf68Deframer, all, [0xff, 0x68, 0x03, 0x16])
  })

  it('never takes a frame with one byte changed or cut short', () => {
    for (const frame of all) {
      for (let at = 0; at < frame.length; at++) {
        expect(feed(createFf68Deframer(), [frame.subarray(0, at)]).frames).toEqual([])
        for (let change = 1; change < 256; change++) {
          expect(feed(createFf68Deframer(), [withByte(frame, at, change)]).frames).toEqual([])
        }
      }
    }
  })

  it('loses no good frame behind one whose length is damaged', () => {
    const damaged = withByte(withByte(all[0]!, 2, 1), 3, 1)
    const { frames } = createFf68Deframer().push(concat(damaged, ...all))
    expect(frames).toHaveLength(all.length)
  })

  it('shows the digits at the end of a printed number, three at most', () => {
    expect(['A012', '7', 'B-3', '12345', 'VIP'].map(ticketDigits)).toEqual([
      '012',
      '7',
      '3',
      '345',
      null,
    ])
    expect(toHex(showFrame(1, { waiting: 1200, ticket: '7' }).data)).toBe('0909090a0a07')
  })
})

describe('the machine of an FF 68 pad', () => {
  const next = only(pad.keys[0]!.hex)
  const options = { run: 'feedbeef', guard_ms: 100, retry_ms: 50, give_up_ms: 200 }

  it('hands a repeated key over once, and echoes it each time once it is recorded', () => {
    const machine = stepper(ff68Pad, options)
    machine.connect(0)
    expect(machine.frame(next, 10).emitted).toEqual([
      { type: 'press', boot: 'feedbeef', event: 1, key: 'next' },
    ])
    expect(machine.frame(next, 20)).toMatchObject({ emitted: [], sent: [] })
    const echoed = machine.settle('feedbeef', 1, 'recorded', 5000)
    expect(echoed.sent).toEqual([toHex(fromHex(pad.keys[0]!.hex))])
    // Its own echo coming back is not a press and is not answered.
    expect(machine.frame(next, 5001)).toMatchObject({ emitted: [], sent: [] })
    // Past the time of reflections and within the guard window: the pad did not hear the echo.
    const again = stepper(ff68Pad, { ...options, reflection_ms: 1 })
    again.connect(0)
    again.frame(next, 0)
    again.settle('feedbeef', 1, 'recorded', 10)
    expect(again.frame(next, 60)).toMatchObject({ emitted: [], sent: [toHex(encodeFf68(next))] })
    // Nor that one: each answer guards for as long again, and no longer.
    expect(again.frame(next, 111)).toMatchObject({ emitted: [], sent: [toHex(encodeFf68(next))] })
    expect(again.frame(next, 212).emitted).toMatchObject([{ event: 2 }])
  })

  it('answers a refused press with echo and beep, so that it is not asked for ever', () => {
    const machine = stepper(ff68Pad, options)
    machine.connect(0)
    machine.frame(next, 0)
    expect(machine.settle('feedbeef', 1, 'refused', 1).sent).toEqual([
      toHex(encodeFf68(next)),
      toHex(fromHex(pad.beep.hex)),
    ])
  })

  it('hands a press that could not be decided over again under its number, then gives it up', () => {
    const machine = stepper(ff68Pad, options)
    machine.connect(0)
    machine.frame(next, 0)
    expect(machine.settle('feedbeef', 1, 'failed', 10).sent).toEqual([])
    expect(machine.timer(60).emitted).toMatchObject([{ event: 1 }])
    machine.settle('feedbeef', 1, 'failed', 190)
    expect(machine.timer(260).emitted).toEqual([])
    expect(machine.settle('feedbeef', 1, 'recorded', 270).sent).toEqual([])
    expect(machine.frame(next, 280).emitted).toMatchObject([{ event: 2 }])
  })

  it('holds a bounded number of presses while nothing is decided', () => {
    const machine = stepper(ff68Pad, options)
    machine.connect(0)
    let emitted = 0
    for (let round = 0; round < 50; round++) {
      for (const { hex } of pad.keys.filter(({ key }) => key !== null)) {
        const frame = { ...only(hex), address: 1 }
        emitted += machine.frame(frame, round).emitted.length
      }
    }
    expect(emitted).toBe(9)
  })

  it('echoes only what was decided, in whatever order things happen', () => {
    const keys = {
      next: encodeFf68(keyFrame(1, 'next')),
      recall: encodeFf68(keyFrame(1, 'recall')),
    }
    const act = fc.record({
      do: fc.constantFrom('next', 'recall', 'settle', 'timer', 'up', 'down', 'show'),
      which: fc.nat(2),
      later_ms: fc.nat(120),
    })
    let echoes = 0
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 80 }), (acts) => {
        const machine = stepper(ff68Pad, options)
        const open: { boot: string; event: number; key: string }[] = []
        const decided = new Set<string>()
        let now_ms = 0
        let up = false
        for (const { do: what, which, later_ms } of acts) {
          now_ms += later_ms
          let done = machine.timer(now_ms)
          if (what === 'next' || what === 'recall') {
            if (up) done = machine.frame(keyFrame(1, what), now_ms)
          } else if (what === 'settle') {
            const press = open.shift()
            if (press === undefined) continue
            const outcome = (['recorded', 'refused', 'failed'] as const)[which]!
            if (outcome !== 'failed') decided.add(press.key)
            done = machine.settle(press.boot, press.event, outcome, now_ms)
          } else if (what === 'show') {
            const shows = { waiting: which, ticket: null }
            done = machine.command(1, { command: 'show', shows }, now_ms)
          } else if ((what === 'up') !== up) {
            up = what === 'up'
            done = up ? machine.connect(now_ms) : machine.disconnect(now_ms)
          }
          for (const press of done.emitted) open.push(press)
          for (const [key, frame] of Object.entries(keys)) {
            if (!done.sent.includes(toHex(frame))) continue
            echoes += 1
            expect(up).toBe(true)
            expect(decided.has(key)).toBe(true)
          }
        }
      }),
      { numRuns: 1000 },
    )
    expect(echoes).toBeGreaterThan(100)
  })

  it('answers nothing of another address, of the host and of ratings', () => {
    const machine = stepper(ff68Pad, options)
    machine.connect(0)
    const strange = [
      { ...next, address: 2 },
      showFrame(1, { waiting: null, ticket: '1' }),
      beepFrame(1),
      ratingFrame(1, 1),
    ]
    for (const frame of strange) {
      expect(machine.frame(frame, 500)).toMatchObject({ emitted: [], sent: [] })
    }
  })
})

describe('the machine of an FF 68 rating pad', () => {
  const options = { run: '00000001', asking_ms: 20_000, guard_ms: 100 }

  it('gives the first press within the window to the asked visit and no other', () => {
    const machine = stepper(ff68Rater, options)
    machine.connect(0)
    expect(machine.frame(ratingFrame(1, 1), 0).emitted).toMatchObject([{ visit: null, score: 5 }])
    machine.command(7, { command: 'ask', visit: 'visit-1' }, 1000)
    const rated = machine.frame(ratingFrame(1, 2), 20_999)
    expect(rated.emitted).toMatchObject([{ visit: 'visit-1', key: 2, score: 4 }])
    expect(rated.finished).toEqual([[7, 'rated']])
    expect(machine.frame(ratingFrame(1, 3), 21_000).emitted).toMatchObject([{ visit: null }])
  })

  it('ends a question without an answer: by time, by the next one, by a lost link', () => {
    const machine = stepper(ff68Rater, options)
    machine.connect(0)
    machine.command(1, { command: 'ask', visit: 'a' }, 0)
    expect(machine.command(2, { command: 'ask', visit: 'b' }, 5).finished).toEqual([
      [1, 'replaced'],
    ])
    expect(machine.timer(20_005).finished).toEqual([[2, 'no_rating']])
    expect(machine.frame(ratingFrame(1, 1), 20_006).emitted).toMatchObject([{ visit: null }])
    machine.command(3, { command: 'ask', visit: 'c' }, 30_000)
    expect(machine.disconnect(30_001).finished).toEqual([[3, 'no_rating']])
    expect(machine.command(4, { command: 'ask', visit: 'd' }, 30_002).finished).toEqual([
      [4, 'not_connected'],
    ])
    machine.connect(30_003)
    expect(machine.frame(ratingFrame(1, 2), 30_004).emitted).toMatchObject([{ visit: null }])
  })

  it('maps three keys as told, and answers a key without a score, keeping nothing', () => {
    const machine = stepper(ff68Rater, { ...options, keys: [5, 3, 1], first_key: 10 })
    machine.connect(0)
    expect(machine.frame(ratingFrame(1, 11), 0).emitted).toMatchObject([{ key: 2, score: 3 }])
    expect(machine.frame(ratingFrame(1, 13), 0).emitted).toEqual([])
    const unknown = machine.frame(ratingFrame(1, 1), 0)
    expect(unknown.emitted).toEqual([])
    expect(unknown.sent).toEqual([toHex(encodeFf68(ratingAnswer(ratingFrame(1, 1))))])
  })
})
