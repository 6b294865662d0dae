/**
 * What a card costs between the first byte of the find that succeeds and its record on disk, over the
 * time its six frames take on a serial line; how long a card lies before it is found; and what a hall
 * of forty idle devices costs. Lines are simulated to the bit; readers, gateway and disk are real.
 */
import { sleep } from '#devices/std/clock.ts'
import { deviceTypes } from '#devices/types/index.ts'
import { type LineTap, lineTime_ms } from '../../firmware-sim/line.ts'
import type { CallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { IdCardReaderModel, samIdOf } from '../../firmware-sim/models/id-card-reader.ts'
import { realPace } from '../../firmware-sim/pace.ts'
import { cardOf } from '../../firmware-sim/people/cards.ts'
import { type Figure, figure, type Progress, percentile } from './figure.ts'
import { seeded } from './hall-day.ts'
import { machineMs } from './reader-child.ts'
import { type BenchHall, modelOf, openBenchHall, type Wired } from './reader-hall.ts'

const BAUD = 115_200
/** Requests of 10 bytes for find, select and read; their answers of 15, 19 and 1 295. */
const SIX_FRAMES = 10 + 15 + 10 + 19 + 10 + 1_295
const LINE_MS = lineTime_ms(SIX_FRAMES, BAUD)
const SLOW_SAM_MS = 800
const IDLE_S = 15
/** The reader has to see that the card before is gone. */
const GONE_MS = 500

export async function readers(progress: Progress): Promise<Figure[]> {
  const quiet = await read({ counters: 1, cards: 25, sam_delay_ms: 0 })
  progress('reader: measured at one counter')
  const busy = await read({ counters: 16, cards: 10, sam_delay_ms: 0 })
  progress('reader: measured with 16 counters busy')
  const slow = await read({ counters: 4, cards: 2, sam_delay_ms: SLOW_SAM_MS })
  progress(`reader: measured with a module that takes ${SLOW_SAM_MS} ms for each answer`)
  return [
    ...overLine('one counter', quiet, LINE_MS),
    ...overLine('16 counters busy', busy, LINE_MS),
    ...overLine(`SAM delay ${SLOW_SAM_MS} ms`, slow, LINE_MS + 3 * SLOW_SAM_MS),
    ...[0.5, 0.99].map((share) =>
      figure({
        name: `card: gateway's own share, 16 counters busy, p${share * 100}`,
        value: percentile(
          busy.map(({ own_ms }) => own_ms),
          share,
        ),
        ...{ unit: 'ms', bar: 20 },
      }),
    ),
    ...laidToFind([...quiet, ...busy]),
    ...(await idle(true)),
    ...(await idle(false)),
    ...pollRates(),
  ]
}

type CardTimes = {
  /** From the card on the glass to the first byte of the find that finds it. */
  laid_ms: number
  /** From there to the record on disk. */
  total_ms: number
  /** The part of it in which neither line nor module had anything to do. */
  own_ms: number
}

function overLine(name: string, times: readonly CardTimes[], line_ms: number): Figure[] {
  const totals = times.map(({ total_ms }) => total_ms)
  const at = (share: number, bar: number | null) =>
    figure({
      name: `card: find to record on disk over its line time, ${name}, p${share * 100}`,
      ...{ value: percentile(totals, share), unit: 'ms', against: line_ms, bar },
    })
  return [at(0.5, 1.3), at(0.99, null)]
}

function laidToFind(times: readonly CardTimes[]): Figure[] {
  const { poll_ms } = deviceTypes.id_card_reader.defaults
  const waits = times.map(({ laid_ms }) => laid_ms)
  return [0.5, 0.99].map((share) =>
    figure({
      name: `card: laid to find, polled every ${poll_ms} ms, p${share * 100}`,
      ...{ value: percentile(waits, share), unit: 'ms' },
    }),
  )
}

/** Follows one reader's line from find to record. */
function follow() {
  let laid_ms = 0
  let find_ms = 0
  let handed_ms = 0
  let own_ms = 0
  let record: ((times: CardTimes) => void) | null = null
  const tap: LineTap = (to, edge, piece) => {
    const at_ms = machineMs()
    if (to === 'host') {
      if (edge === 'last') handed_ms = at_ms
    } else if (edge === 'first') {
      const isFind = piece[7] === 0x20 && piece[8] === 0x01
      own_ms = isFind ? 0 : own_ms + at_ms - handed_ms
      if (isFind) find_ms = at_ms
    }
  }
  return {
    tap,
    laid(): Promise<CardTimes> {
      laid_ms = machineMs()
      return new Promise((resolve) => {
        record = resolve
      })
    },
    recorded(at_ms: number) {
      own_ms += at_ms - handed_ms
      record?.({ laid_ms: find_ms - laid_ms, total_ms: at_ms - find_ms, own_ms })
    },
  }
}

type Reading = { counters: number; cards: number; sam_delay_ms: number }

async function read({ counters, cards, sam_delay_ms }: Reading): Promise<CardTimes[]> {
  const names = Array.from({ length: counters }, (_, i) => `c${i + 1}`)
  const places = names.map((counter) => {
    const sam_id = samIdOf(`reader-${counter}`)
    const reader = new IdCardReaderModel({ sam_id, sam_delay_ms, pace: realPace })
    const wired = { device: `pad-${counter}`, type: 'call_pad', counter } as const
    return { counter, reader, pad: modelOf(wired) as CallPadModel, wired, watch: follow() }
  })
  const standing = places.flatMap(({ counter, reader, pad, wired, watch }) => [
    {
      ...{ device: `reader-${counter}`, type: 'id_card_reader' as const, counter },
      ...{ model: reader, line: { tap: watch.tap } },
    },
    { ...wired, model: pad },
  ])
  await using hall = await openBenchHall(standing, {
    ...{ counters: names, open: true, tickets: counters * cards },
  })
  hall.onSaid((said) => {
    if (said.said !== 'recorded') return
    places.find(({ counter }) => counter === said.counter)?.watch.recorded(said.at_ms)
  })
  await allOnline(hall, standing.length)
  const random = seeded(1)
  const times = await Promise.all(
    places.map(({ counter, reader, pad, watch }) =>
      serve({ counter, reader, pad, watch }, cards, random),
    ),
  )
  return times.flat()
}

type Place = {
  counter: string
  reader: IdCardReaderModel
  pad: CallPadModel
  watch: ReturnType<typeof follow>
}

/** A clerk and one customer after another: called, served, card laid and taken back, done. */
async function serve(
  { counter, reader, pad, watch }: Place,
  cards: number,
  random: () => number,
): Promise<CardTimes[]> {
  const times: CardTimes[] = []
  const pause = (least_ms: number) => sleep(realPace, least_ms + random() * 400, 'people')
  for (let i = 0; i < cards; i++) {
    await pad.press('next')
    await pause(100)
    await pad.press('start')
    await pause(0)
    const recorded = watch.laid()
    reader.placeCard({ text: cardOf(`bench ${counter}`, i) })
    times.push(await recorded)
    await pause(0)
    reader.removeCard()
    await pad.press('done')
    await pause(GONE_MS)
  }
  return times
}

const forty: readonly [type: Wired['type'], count: number][] = [
  ['id_card_reader', 16],
  ['call_pad', 16],
  ['ticket_panel', 2],
  ['ticket_printer', 2],
  ['hall_display', 2],
  ['pin_pad', 2],
]

/** Nobody touches anything: what polling costs, with clerks at their counters and without. */
async function idle(open: boolean): Promise<Figure[]> {
  const counters = Array.from({ length: 16 }, (_, i) => `c${i + 1}`)
  const standing = forty.flatMap(([type, count]) =>
    Array.from({ length: count }, (_, i) => {
      const device = `${type}-${i + 1}`.replaceAll('_', '-')
      const atCounter = type === 'id_card_reader' || type === 'call_pad'
      const wired = { device, type, ...(atCounter ? { counter: counters[i]! } : {}) }
      return { ...wired, model: modelOf(wired) }
    }),
  )
  await using hall = await openBenchHall(standing, { counters, open, tickets: 0 })
  await allOnline(hall, standing.length)
  const before = await hall.cpu()
  const from_ms = machineMs()
  await sleep(realPace, IDLE_S * 1_000, 'idle hall')
  const after = await hall.cpu()
  const share = (after.cpu_ms - before.cpu_ms) / (machineMs() - from_ms)
  const when = open ? 'counters open' : 'counters closed'
  return [
    figure({
      name: `idle hall of ${standing.length} devices, ${when}: processor share of the gateway`,
      ...{ value: share * 100, unit: '% of a core', bar: 2 },
    }),
  ]
}

function pollRates(): Figure[] {
  return forty.flatMap(([type, count]) => {
    const { poll_ms = 0, closed_poll_ms } = deviceTypes[type].defaults as {
      poll_ms?: number
      closed_poll_ms?: number
    }
    const rate = (when: string, value: number) =>
      figure({ name: `idle hall: ${count} ${type}, polled every${when}`, value, unit: 'ms' })
    if (closed_poll_ms === undefined) return [rate('', poll_ms)]
    return [rate(' (open)', poll_ms), rate(' (closed)', closed_poll_ms)]
  })
}

async function allOnline(hall: BenchHall, devices: number): Promise<void> {
  for (;;) {
    const { online } = await hall.cpu()
    if (online === devices) return
    await sleep(realPace, 200, 'devices come on line')
  }
}
