/**
 * What the steps of the register map have in common: a question to the unit, its event block, and what
 * a write or a refusal is answered with. Frames are made and judged without the codec.
 */
import type { Bench } from './bench.ts'
import { type Bilingual, type Finding, fail, hex, pass, silence } from './kind.ts'
import {
  isWholeModbus,
  lookAtModbus,
  type ModbusSeen,
  modbusFrame,
  wordsOf,
} from './modbus-bytes.ts'

export type UnitClassUnderTest = {
  type: string
  /** Register 0002. */
  class: number
  /** The key asked for; null for a unit without keys. */
  key: { hand: 'press' | 'rate'; argument: string; prompt: Bilingual } | null
  display: boolean
  /** It asks for ratings. */
  rates: boolean
}

export type Unit = UnitClassUnderTest & { address: number }

/** Registers 0020 to 002B. */
export type Event = {
  boot: number
  number: number
  code: number
  argument: number
  held: number
  text: string
}

export const illegal_address = 2
export const illegal_value = 3
export const both = (text: string): Bilingual => ({ zh: text, en: text })

export function words(...values: readonly number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 0xff])
}

export async function ask(bench: Bench, unit: Unit, label: string, ...body: readonly number[]) {
  const request = modbusFrame(unit.address, ...body)
  return lookAtModbus(unit.address, await bench.ask(label, request, { complete: isWholeModbus }))
}

export function writeBody(start: number, values: readonly number[]): number[] {
  return [0x10, ...words(start, values.length), values.length * 2, ...words(...values)]
}

export async function readEvent(bench: Bench, unit: Unit): Promise<Event | { says: Bilingual }> {
  const seen = await ask(bench, unit, 'read event', 0x04, ...words(0x0020, 12))
  if (!seen.ok) return { says: seen.says }
  const values = seen.function === 0x04 ? wordsOf(seen.data, 12) : null
  if (values === null) return { says: both(`function ${seen.function}: ${hex(seen.data)}`) }
  const long = (at: number) => values[at]! * 0x10000 + values[at + 1]!
  const event = {
    boot: long(0),
    number: long(2),
    code: values[4]!,
    argument: values[5]!,
    held: values[6]!,
    text: String.fromCharCode(...seen.data.subarray(17)).trimEnd(),
  }
  if (event.boot === 0) return { says: { zh: '启动随机数为 0', en: 'the boot nonce is 0' } }
  if ((event.number === 0) !== (event.held === 0)) {
    return {
      says: {
        zh: `事件编号 ${event.number}，个数 ${event.held}：互相矛盾`,
        en: `event number ${event.number} with ${event.held} held: a contradiction`,
      },
    }
  }
  return event
}

/** Registers 0020 to 0023, which is what a gateway polls. */
export async function readLatch(
  bench: Bench,
  unit: Unit,
): Promise<Pick<Event, 'boot' | 'number'> | { says: Bilingual }> {
  const seen = await ask(bench, unit, 'read latch', 0x04, ...words(0x0020, 4))
  if (!seen.ok) return { says: seen.says }
  const values = seen.function === 0x04 ? wordsOf(seen.data, 4) : null
  if (values === null) return { says: both(`function ${seen.function}: ${hex(seen.data)}`) }
  const long = (at: number) => values[at]! * 0x10000 + values[at + 1]!
  return { boot: long(0), number: long(2) }
}

export function expectException(seen: ModbusSeen, code: number, number: number): Finding {
  if (!seen.ok) return fail(seen.says)
  if (seen.function === code && seen.data[0] === number) return pass()
  const came = hex(Uint8Array.from([seen.function, ...seen.data]))
  return fail({
    zh: `收到 ${came}，应为异常 ${number}`,
    en: `${came} came, exception ${number} was expected`,
  })
}

export function expectEcho(seen: ModbusSeen, start: number, count: number): Finding {
  if (!seen.ok) {
    if (seen.says !== silence) return fail(seen.says)
    return fail({
      zh: '写入没有应答：应回送地址与个数',
      en: 'echo missing: a write is answered with its place and count',
    })
  }
  const wanted = words(start, count)
  if (seen.function === 0x10 && wanted.every((byte, at) => seen.data[at] === byte)) return pass()
  const came = hex(Uint8Array.from([seen.function, ...seen.data]))
  return fail({ zh: `收到 ${came}`, en: `${came} came` })
}
