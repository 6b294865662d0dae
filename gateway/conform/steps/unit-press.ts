/** Steps for the keys of a unit: a press is numbered, latched, and released by its acknowledgement only. */
import type { Bench } from '../bench.ts'
import {
  type Bilingual,
  type Finding,
  fail,
  hex,
  nobody,
  notTried,
  pass,
  type Step,
  without,
} from '../kind.ts'
import { modbusFrame } from '../modbus-bytes.ts'
import {
  ask,
  both,
  type Event,
  expectEcho,
  expectException,
  illegal_value,
  readEvent,
  readLatch,
  type Unit,
  words,
  writeBody,
} from '../unit-wire.ts'

const poll_ms = 100

export function pressSteps(unit: Unit): Step[] {
  return [
    {
      code: 'press',
      title: { zh: '按键', en: 'a press' },
      expected: {
        zh: '事件编号比上一个大 1，事件码不为 0',
        en: 'the number is one above the last, the code is not 0',
      },
      run: (bench) => pressed(bench, unit),
    },
    {
      code: 'latch_holds',
      title: { zh: '再读仍在', en: 'it stays when read again' },
      expected: {
        zh: '确认之前同一事件一直在',
        en: 'the same event until it is acknowledged',
      },
      run: (bench) => whilePressed(bench, (event) => latchHolds(bench, unit, event)),
    },
    {
      code: 'wrong_acknowledgement_refused',
      title: { zh: '编号不符的确认', en: 'an acknowledgement of another number' },
      expected: both(hex(modbusFrame(unit.address, 0x90, illegal_value))),
      run: (bench) => whilePressed(bench, (event) => wrongAcknowledgement(bench, unit, event)),
    },
    {
      code: 'acknowledged',
      title: { zh: '确认', en: 'an acknowledgement' },
      expected: {
        zh: `${hex(modbusFrame(unit.address, 0x10, ...words(0x40, 5)))}，随后事件清除`,
        en: `${hex(modbusFrame(unit.address, 0x10, ...words(0x40, 5)))}, and the event is released`,
      },
      run: (bench) => whilePressed(bench, (event) => acknowledged(bench, unit, event)),
    },
    {
      code: 'acknowledged_twice',
      title: { zh: '同一确认再来一次', en: 'the same acknowledgement again' },
      expected: { zh: '同样应答，不多清除', en: 'answered the same, nothing more is released' },
      run: (bench) =>
        whilePressed(bench, async (event) => {
          if (bench.fact('step acknowledged') !== 'pass') return without('acknowledged')
          return expectEcho(await acknowledge(bench, unit, event), 0x0040, 5)
        }),
    },
    {
      code: 'two_presses',
      title: { zh: '连按两次', en: 'two presses' },
      expected: {
        zh: '两个都在，逐个由自己的确认清除；启动随机数不符的确认得异常 3',
        en: 'both are held, each until its own acknowledgement; one of another boot gets exception 3',
      },
      run: (bench) =>
        whilePressed(bench, async () => {
          if (bench.fact('step acknowledged') !== 'pass') return without('acknowledged')
          return twoPresses(bench, unit)
        }),
    },
    {
      code: 'power_cycle',
      title: { zh: '断电再上电', en: 'off and on again' },
      expected: {
        zh: '启动随机数已变，没有事件',
        en: 'another boot nonce, and nothing held',
      },
      run: (bench) => powerCycle(bench, unit),
    },
  ]
}

function whilePressed(bench: Bench, run: (event: Event) => Promise<Finding>): Promise<Finding> {
  const event = bench.fact('event') as Event | undefined
  return event === undefined ? Promise.resolve(without('press')) : run(event)
}

export async function pressed(bench: Bench, unit: Unit): Promise<Finding> {
  const before = await readEvent(bench, unit)
  if ('says' in before) return fail(before.says)
  const lost = lostSince(bench, before)
  if (lost !== null) return lost
  const pressed = await bench.hand(unit.key!.hand, unit.key!.prompt, unit.key!.argument)
  // A press that is there by itself is as good.
  if (!pressed && before.number === 0) return notTried(nobody)
  let event: Event | { says: Bilingual } = before
  const end_ms = bench.now_ms() + bench.options.hand_ms
  while (!('says' in event) && event.number === 0 && bench.now_ms() < end_ms) {
    await bench.rest(poll_ms)
    event = await readEvent(bench, unit)
  }
  if ('says' in event) return fail(event.says)
  if (event.number === 0) return fail({ zh: '没有按键事件', en: 'no press came' })
  if (event.code === 0) return fail({ zh: '事件码为 0', en: 'the event code is 0' })
  bench.note('event', event)
  return pass(`event ${event.number}, code ${event.code}`, `事件 ${event.number}，码 ${event.code}`)
}

/** What an earlier read showed and nobody acknowledged has to be there still. */
export function lostSince(bench: Bench, now: Event): Finding | null {
  const held = bench.fact('held') as Event | undefined
  bench.forget('held')
  if (held === undefined || held.boot !== now.boot || held.number === now.number) return null
  return fail(clearedEarly(held.number))
}

function clearedEarly(number: number): Bilingual {
  return {
    zh: `事件 ${number} 未经确认就清除了：丢失的读取就是丢失的按键`,
    en: `event latch cleared before acknowledgement: ${number} is gone when read again`,
  }
}

/** The second of two must be as safe as the first, and nothing but its own acknowledgement releases it. */
async function twoPresses(bench: Bench, unit: Unit): Promise<Finding> {
  const { hand, prompt, argument } = unit.key!
  for (let presses = 0; presses < 2; presses++) {
    if (!(await bench.hand(hand, prompt, argument))) return notTried(nobody)
  }
  const first = await heldEvents(bench, unit, 2)
  if ('says' in first) return fail(first.says)
  if (first.held < 2) return fail({ zh: '第二次按键没有保存', en: 'the second press is not held' })
  const kept = await latchHolds(bench, unit, first)
  if (kept.verdict !== 'pass') return kept
  const boot = first.boot % 2 === 0 ? first.boot + 1 : first.boot - 1
  const other = await acknowledge(bench, unit, { ...first, boot })
  if (other.ok && other.function === 0x10) return fail(other_boot_taken)
  const refused = expectException(other, 0x90, illegal_value)
  if (refused.verdict !== 'pass') return refused
  const still = await latchHolds(bench, unit, first)
  if (still.verdict !== 'pass') return still
  for (let times = 1; times <= 2; times++) {
    const echoed = expectEcho(await acknowledge(bench, unit, first), 0x0040, 5)
    if (echoed.verdict !== 'pass') return echoed
    const second = await readEvent(bench, unit)
    if ('says' in second) return fail(second.says)
    if (second.number !== first.number + 1) {
      return fail(times === 1 ? clearedEarly(first.number + 1) : released_by_repetition)
    }
    if (unit.display && times === 1) {
      const shown = await shownMeanwhile(bench, unit, second)
      if (shown !== null) return shown
    }
    const safe = await latchHolds(bench, unit, second)
    if (safe.verdict !== 'pass') return safe
    if (times === 2) return expectEcho(await acknowledge(bench, unit, second), 0x0040, 5)
  }
  return pass()
}

const other_boot_taken: Bilingual = {
  zh: '接受了另一启动随机数的确认：断电前的确认会清除断电后的按键',
  en: 'an acknowledgement of another boot nonce is accepted: an old one would release a new press',
}

const released_by_repetition: Bilingual = {
  zh: '同一确认再来一次，把下一个事件也清除了',
  en: 'event latch cleared before acknowledgement: the one before, repeated, released the next event',
}

/** A number, then nothing: a gateway writes both while events are held. */
async function shownMeanwhile(bench: Bench, unit: Unit, event: Event): Promise<Finding | null> {
  for (const [mode, text] of [
    [1, [0x4130, 0x3132, 0x2020, 0x2020]],
    [0, [0x2020, 0x2020, 0x2020, 0x2020]],
  ] as const) {
    await ask(bench, unit, 'write display', ...writeBody(0x0050, [mode, ...text]))
    const after = await readEvent(bench, unit)
    if ('says' in after) return fail(after.says)
    if (after.number !== event.number) return fail(cleared_by_display)
  }
  return null
}

const cleared_by_display: Bilingual = {
  zh: '写显示就清除了未经确认的事件',
  en: 'event latch cleared before acknowledgement: a write to the display released it',
}

async function heldEvents(
  bench: Bench,
  unit: Unit,
  least: number,
): Promise<Event | { says: Bilingual }> {
  const end_ms = bench.now_ms() + bench.options.hand_ms
  for (;;) {
    const event = await readEvent(bench, unit)
    if ('says' in event || event.held >= least || bench.now_ms() >= end_ms) return event
    await bench.rest(poll_ms)
  }
}

/** By both reads a gateway makes, more than once: what releases it must be the acknowledgement. */
async function latchHolds(bench: Bench, unit: Unit, event: Event): Promise<Finding> {
  for (let reads = 1; reads <= 4; reads++) {
    const latch = await readLatch(bench, unit)
    if ('says' in latch) return fail(latch.says)
    const again = await readEvent(bench, unit)
    if ('says' in again) return fail(again.says)
    if (latch.boot !== event.boot || again.boot !== event.boot) {
      return fail({ zh: '启动随机数变了', en: 'the boot nonce changed' })
    }
    if (latch.number === event.number && again.number === event.number) continue
    return fail({
      zh: `事件 ${event.number} 未经确认就清除了（第 ${reads} 次再读）：丢失的读取就是丢失的按键`,
      en: `event latch cleared before acknowledgement: ${event.number} is gone when read again (${reads})`,
    })
  }
  return pass()
}

async function wrongAcknowledgement(bench: Bench, unit: Unit, event: Event): Promise<Finding> {
  const seen = await acknowledge(bench, unit, { ...event, number: event.number + 1 })
  const found = expectException(seen, 0x90, illegal_value)
  if (found.verdict !== 'pass') return found
  const after = await readEvent(bench, unit)
  if ('says' in after) return fail(after.says)
  if (after.number === event.number || bench.fact('step latch_holds') !== 'pass') return found
  return fail({
    zh: `被拒的确认也清除了事件 ${event.number}`,
    en: `event latch cleared before acknowledgement: a refused one released ${event.number}`,
  })
}

export function acknowledge(bench: Bench, unit: Unit, { boot, number }: Event) {
  const long = (value: number) => [Math.floor(value / 0x10000), value % 0x10000]
  const body = writeBody(0x0040, [...long(boot), ...long(number), 1])
  return ask(bench, unit, 'acknowledge', ...body)
}

async function acknowledged(bench: Bench, unit: Unit, event: Event): Promise<Finding> {
  if (bench.fact('step latch_holds') !== 'pass') return without('latch_holds')
  const found = expectEcho(await acknowledge(bench, unit, event), 0x0040, 5)
  if (found.verdict !== 'pass') return found
  const next = await readEvent(bench, unit)
  if ('says' in next) return fail(next.says)
  if (next.number !== event.number) return pass()
  return fail({ zh: '确认后事件仍在', en: 'the event is still latched' })
}

async function powerCycle(bench: Bench, unit: Unit): Promise<Finding> {
  const before = await readEvent(bench, unit)
  if ('says' in before) return fail(before.says)
  const prompt = { zh: '请断电再上电，亮起后继续', en: 'switch it off and on, go on when it is up' }
  if (!(await bench.hand('power_cycle', prompt))) return notTried(nobody)
  const now = await readEvent(bench, unit)
  if ('says' in now) return fail(now.says)
  if (now.boot === before.boot) {
    return fail({ zh: '启动随机数没有变', en: 'the boot nonce is the same as before' })
  }
  if (now.number === 0) return pass()
  return fail({ zh: '断电前的事件还在', en: 'an event from before is still latched' })
}
