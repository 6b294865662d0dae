/**
 * Steps for units of our register map over Modbus RTU: call pads, ticket panels and whatever else
 * speaks it. Frames are made and judged without the codec; the data sheet is `wire/register-map.ts`.
 */
import { whole } from '#devices/std/setting.ts'
import type { Bench } from '../bench.ts'
import {
  type Bilingual,
  type ConformKind,
  type Finding,
  fail,
  hex,
  nobody,
  notTried,
  pass,
  type Settings,
  type Step,
  showPlainly,
  without,
} from '../kind.ts'
import { modbusFrame, wordsOf } from '../modbus-bytes.ts'
import {
  ask,
  both,
  expectEcho,
  expectException,
  illegal_value,
  readEvent,
  type Unit,
  type UnitClassUnderTest,
  words,
  writeBody,
} from '../unit-wire.ts'
import { promptSteps } from './rating-pad.ts'
import { addressSteps } from './unit-address.ts'
import { pressSteps } from './unit-press.ts'

export function registerUnitKind(under: UnitClassUnderTest): ConformKind {
  return {
    type: under.type,
    settings: {
      address: {
        zh: '单元地址 1 到 247，默认 1',
        en: 'address of the unit, 1 to 247, 1 by default',
        fits: whole(1, 247),
      },
    },
    steps: (settings: Settings) => stepsOf({ ...under, address: Number(settings.address ?? 1) }),
    show: showPlainly,
    synthetic: showPlainly,
  }
}

function stepsOf(unit: Unit): Step[] {
  return [
    ...askedSteps(unit),
    ...silentSteps(unit),
    ...(unit.display ? displaySteps(unit) : []),
    ...(unit.key === null ? [] : pressSteps(unit)),
    ...(unit.rates ? promptSteps(unit) : []),
    ...addressSteps(unit),
  ]
}

function askedSteps(unit: Unit): Step[] {
  return [
    {
      code: 'identity',
      title: { zh: '标识', en: 'identity' },
      expected: {
        zh: `寄存器 0000–000B：4857、版本 1、类别 ${unit.class}、序列号；CRC 低位在前`,
        en: `registers 0000-000B: 4857, version 1, class ${unit.class}, serial number; CRC low byte first`,
      },
      run: (bench) => identity(bench, unit),
    },
    {
      code: 'event_block',
      title: { zh: '事件区', en: 'event block' },
      expected: {
        zh: '寄存器 0020–002B：启动随机数不为 0；无事件时编号与个数都是 0',
        en: 'registers 0020-002B: a boot nonce other than 0; number and count both 0 without an event',
      },
      run: async (bench) => {
        const event = await readEvent(bench, unit)
        if ('says' in event) return fail(event.says)
        if (event.number !== 0) bench.note('held', event)
        return pass()
      },
    },
    {
      code: 'unlisted_refused',
      title: { zh: '读未列出的寄存器', en: 'a read of an unlisted place' },
      expected: both(hex(modbusFrame(unit.address, 0x84, 0x02))),
      run: async (bench) => {
        const body = [0x04, ...words(0x1000, 4)]
        return expectException(await ask(bench, unit, 'read 1000', ...body), 0x84, 2)
      },
    },
    {
      code: 'holding_refused',
      title: { zh: '读保持寄存器', en: 'a read of holding registers' },
      expected: both(hex(modbusFrame(unit.address, 0x83, 0x02))),
      run: async (bench) => {
        const body = [0x03, ...words(0x0040, 5)]
        return expectException(await ask(bench, unit, 'read holding', ...body), 0x83, 2)
      },
    },
  ]
}

async function identity(bench: Bench, unit: Unit): Promise<Finding> {
  const seen = await ask(bench, unit, 'read identity', 0x04, ...words(0x0000, 12))
  if (!seen.ok) return fail(seen.says)
  const values = seen.function === 0x04 ? wordsOf(seen.data, 12) : null
  if (values === null) return fail(both(`function ${seen.function}: ${hex(seen.data)}`))
  if (values[0] !== 0x4857 || values[1] !== 1) {
    return fail({ zh: '不是本寄存器表版本 1 的设备', en: 'not a unit of this map, version 1' })
  }
  if (values[2] !== unit.class) {
    return fail({
      zh: `类别 ${values[2]}，应为 ${unit.class}`,
      en: `class ${values[2]}, ${unit.class} was expected`,
    })
  }
  const letters = seen.data.subarray(7, 23)
  const serial = String.fromCharCode(...letters).trimEnd()
  if (!letters.every((byte) => byte >= 0x20 && byte <= 0x7e) || serial === '') {
    return fail({ zh: '序列号不是 ASCII 文字', en: 'the serial number is no ASCII text' })
  }
  return pass(`serial ${serial}`, `序列号 ${serial}`)
}

function silentSteps(unit: Unit): Step[] {
  const other = unit.address === 247 ? 246 : unit.address + 1
  const read = [0x04, ...words(0x0000, 12)]
  const silentTo = (code: string, title: Bilingual, request: Uint8Array): Step => ({
    code,
    title,
    expected: { zh: '不应答', en: 'no answer' },
    run: async (bench) => {
      const came = await bench.silent(code, request)
      if (came.length === 0) return pass()
      return fail({ zh: `应答了 ${hex(came)}`, en: `it answered ${hex(came)}` })
    },
  })
  const damaged = modbusFrame(unit.address, ...read)
  damaged[damaged.length - 1]! ^= 0xff
  return [
    silentTo(
      'wrong_crc_ignored',
      { zh: 'CRC 错的请求', en: 'a request with a wrong CRC' },
      damaged,
    ),
    silentTo(
      'other_address_ignored',
      { zh: '别的地址的请求', en: 'a request for another address' },
      modbusFrame(other, ...read),
    ),
    silentTo('broadcast_ignored', { zh: '广播', en: 'a broadcast' }, modbusFrame(0, ...read)),
  ]
}

const letters = (text: string) =>
  [0, 2, 4, 6].map((at) => {
    const padded = text.padEnd(8)
    return (padded.charCodeAt(at) << 8) | padded.charCodeAt(at + 1)
  })

function displaySteps(unit: Unit): Step[] {
  const write = (mode: number, text: string) => writeBody(0x0050, [mode, ...letters(text)])
  const echoed = modbusFrame(unit.address, 0x10, ...words(0x0050, 5))
  return [
    {
      code: 'display_number',
      title: { zh: '显示号码 A012', en: 'display A012' },
      expected: both(hex(echoed)),
      run: async (bench) => {
        const seen = await ask(bench, unit, 'write display', ...write(1, 'A012'))
        return expectEcho(seen, 0x0050, 5)
      },
    },
    {
      code: 'display_seen',
      title: { zh: '看见 A012', en: 'A012 is seen' },
      expected: { zh: '显示 A012', en: 'it shows A012' },
      run: async (bench) => {
        if (bench.fact('step display_number') !== 'pass') return without('display_number')
        const seen = await bench.sees({ zh: '是否显示 A012？', en: 'does it show A012?' })
        if (seen === null) return notTried(nobody)
        return seen ? pass() : fail({ zh: '没有显示 A012', en: 'A012 is not shown' })
      },
    },
    {
      code: 'display_paused',
      title: { zh: '显示暂停服务，再熄灭', en: 'display paused, then blank' },
      expected: both(hex(echoed)),
      run: async (bench) => {
        const paused = await ask(bench, unit, 'write paused', ...write(2, ''))
        const found = expectEcho(paused, 0x0050, 5)
        if (found.verdict !== 'pass') return found
        return expectEcho(await ask(bench, unit, 'write blank', ...write(0, '')), 0x0050, 5)
      },
    },
    {
      code: 'display_wrong_mode',
      title: { zh: '未列出的显示方式', en: 'an unlisted display mode' },
      expected: both(hex(modbusFrame(unit.address, 0x90, illegal_value))),
      run: async (bench) => {
        const seen = await ask(bench, unit, 'write mode 7', ...write(7, ''))
        return expectException(seen, 0x90, illegal_value)
      },
    },
  ]
}
