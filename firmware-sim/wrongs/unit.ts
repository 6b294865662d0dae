/** What wrong units of the register map do: call pads, ticket panels, and whatever else speaks it. */

import { crc16Modbus } from '#devices/std/crc.ts'
import { eventCodes } from '#devices/wire/register-map.ts'
import type { DeviceModel } from '../models/model.ts'
import type { RegisterUnitModel } from '../models/register-unit.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

export const unitFaults = {
  crc_swapped: {
    zh: 'CRC 两字节高位在前',
    en: 'the two bytes of the CRC come high byte first',
  },
  wrong_checksum: { zh: '校验字节错误', en: 'the last checksum byte is wrong' },
  latch_cleared_early: {
    zh: '按键事件一读就清，不等确认',
    en: 'a latched press is gone once it was read, before it was acknowledged',
  },
  write_echo_missing: {
    zh: '写入后不回应',
    en: 'a write is carried out and not answered',
  },
} as const satisfies Record<string, Bilingual>

export const raterFaults = {
  ...unitFaults,
  request_echo_missing: {
    zh: '评价不带回请求号',
    en: 'a rating does not name the request it answers',
  },
} as const satisfies Record<string, Bilingual>

/** What a person can do to any of them. */
export function unitHands(model: RegisterUnitModel) {
  const held = (down: boolean) => () => {
    model.keyHeld = down
  }
  return { power_cycle: () => model.powerUp(), hold_key: held(true), let_go: held(false) }
}

/** Options of the model for what cannot be done to its bytes alone. */
export function wrongUnit(wrong: SimGiven['wrong']) {
  return { clears_early: () => wrong('latch_cleared_early') }
}

/** A rating pad that may forget what it was asked. */
export function raterOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  const forgets = speaksWrongly(model, (frame) => [
    isRating(frame) && wrong('request_echo_missing') ? withoutText(frame) : frame,
  ])
  return unitOnWire(forgets, wrong)
}

/** The event block with a rating latched. */
function isRating(frame: Uint8Array): boolean {
  return frame[1] === 0x04 && frame[2] === 24 && frame[12] === eventCodes.rating
}

function withoutText(frame: Uint8Array): Uint8Array {
  const body = frame.slice(0, -2).fill(0x20, 19)
  const crc = crc16Modbus(body)
  return Uint8Array.from([...body, crc & 0xff, crc >> 8])
}

/** Each piece sent is one whole frame. */
export function unitOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  return speaksWrongly(model, (frame) => {
    if (isWriteReply(frame) && wrong('write_echo_missing')) return []
    const bytes = frame.slice()
    const end = bytes.length - 1
    if (wrong('crc_swapped')) [bytes[end - 1], bytes[end]] = [bytes[end]!, bytes[end - 1]!]
    if (wrong('wrong_checksum')) bytes[end] = bytes[end]! ^ 0x5a
    return [bytes]
  })
}

function isWriteReply(frame: Uint8Array): boolean {
  return frame[1] === 0x06 || frame[1] === 0x10
}
