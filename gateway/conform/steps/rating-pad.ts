/** Steps for the prompt of a rating pad: what is asked comes back with the rating. */
import type { Bench } from '../bench.ts'
import { type Finding, fail, hex, pass, type Step, without } from '../kind.ts'
import { modbusFrame } from '../modbus-bytes.ts'
import {
  ask,
  both,
  type Event,
  expectEcho,
  expectException,
  illegal_value,
  readEvent,
  type Unit,
  words,
  writeBody,
} from '../unit-wire.ts'
import { acknowledge, lostSince, pressed } from './unit-press.ts'

const rating = 8
const request = 'conform1'

function promptBody(mode: number, keys: number, seconds: number): number[] {
  const text = mode === 0 ? '        ' : request
  const letters = [0, 2, 4, 6].map((at) => (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1))
  return writeBody(0x0060, [mode, keys, seconds, ...letters])
}

export function promptSteps(unit: Unit): Step[] {
  const echoed = both(hex(modbusFrame(unit.address, 0x10, ...words(0x0060, 7))))
  return [
    {
      code: 'prompt_wrong_keys',
      title: { zh: '未列出的键数', en: 'a number of keys that is not listed' },
      expected: both(hex(modbusFrame(unit.address, 0x90, illegal_value))),
      run: async (bench) => {
        const seen = await ask(bench, unit, 'prompt, 9 keys', ...promptBody(1, 9, 60))
        return expectException(seen, 0x90, illegal_value)
      },
    },
    {
      code: 'prompt',
      title: { zh: '请评价', en: 'ask for a rating' },
      expected: echoed,
      run: async (bench) => {
        // What was pressed before answers no request.
        const emptied = await emptyLatch(bench, unit)
        if (emptied !== null) return emptied
        return expectEcho(await ask(bench, unit, 'prompt', ...promptBody(1, 5, 255)), 0x0060, 7)
      },
    },
    {
      code: 'rating_of_request',
      title: { zh: '评价带回请求号', en: 'the rating names the request' },
      expected: {
        zh: `事件码 8，键 1–5，文字 ${request}`,
        en: `code 8, key 1 to 5, text ${request}`,
      },
      run: (bench) => rated(bench, unit, request),
    },
    {
      code: 'prompt_answered',
      title: { zh: '已答的请求再写一次', en: 'the answered request written again' },
      expected: { zh: '其后的评价不带请求号', en: 'the next rating names no request' },
      run: async (bench) => {
        if (bench.fact('step rating_of_request') !== 'pass') return without('rating_of_request')
        const seen = await ask(bench, unit, 'prompt', ...promptBody(1, 5, 255))
        const found = expectEcho(seen, 0x0060, 7)
        return found.verdict === 'pass' ? rated(bench, unit, '') : found
      },
    },
    {
      code: 'prompt_idle',
      title: { zh: '取消请评价', en: 'the pad goes idle' },
      expected: echoed,
      run: async (bench) =>
        expectEcho(await ask(bench, unit, 'idle', ...promptBody(0, 0, 0)), 0x0060, 7),
    },
  ]
}

const most_held = 64

async function emptyLatch(bench: Bench, unit: Unit): Promise<Finding | null> {
  for (let released = 0; released <= most_held; released++) {
    const event = await readEvent(bench, unit)
    if ('says' in event) return fail(event.says)
    const lost = lostSince(bench, event)
    if (lost !== null) return lost
    if (event.number === 0) return null
    const echoed = expectEcho(await acknowledge(bench, unit, event), 0x0040, 5)
    if (echoed.verdict !== 'pass') return echoed
  }
  return fail({ zh: '确认后事件仍在', en: 'the event is still latched' })
}

/** One rating, acknowledged at the end so that the steps behind begin with an empty latch. */
async function rated(bench: Bench, unit: Unit, wanted: string): Promise<Finding> {
  const found = await pressed(bench, unit)
  if (found.verdict !== 'pass') return found
  const event = bench.fact('event') as Event
  bench.forget('event')
  const released = expectEcho(await acknowledge(bench, unit, event), 0x0040, 5)
  if (event.code !== rating || event.argument < 1 || event.argument > 5) {
    const came = `code ${event.code}, key ${event.argument}`
    return fail({ zh: `收到 ${came}`, en: `${came} came` })
  }
  if (event.text === wanted) return released.verdict === 'pass' ? pass() : released
  if (event.text === '') {
    return fail({
      zh: '请求号没有带回：不知道评价属于谁',
      en: 'echo missing: the request is not named, so nobody knows whom the rating is for',
    })
  }
  return fail({
    zh: `请求号 ${event.text}，应为 ${wanted || '空'}`,
    en: `request ${event.text}, ${wanted || 'none'} was expected`,
  })
}
