/** What wrong pads and raters of the `FF 68` protocol do. */
import { equalBytes } from '#devices/std/bytes.ts'
import { type Settings, whole } from '#devices/std/setting.ts'
import type { DeviceModel } from '../models/model.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

const wrong_checksum = { zh: '校验和错误', en: 'the sum is wrong' } as const satisfies Bilingual

export const ff68PadFaults = {
  wrong_checksum,
  echo_missing: {
    zh: '不认主机的回送，一直重发按键',
    en: 'the echo is missed: the key is sent again although it was echoed',
  },
  never_repeats: {
    zh: '按键只发一次，不等回送',
    en: 'a key is sent once, whether it is echoed or not',
  },
} as const satisfies Record<string, Bilingual>

export const ff68RaterFaults = {
  wrong_checksum,
  sum_not_lowered: {
    zh: '要求应答的校验和与评价帧相同，不减 10（十六进制）',
    en: 'an answer is taken only with the sum of the rating itself, not lowered by hex 10',
  },
} as const satisfies Record<string, Bilingual>

export const ff68Settings = {
  address: {
    zh: '设备地址 0 到 255，默认 1',
    en: 'address of the device, 0 to 255, 1 by default',
    fits: whole(0, 255),
  },
  repeat_ms: {
    zh: '重发间隔毫秒数，10 到 60000，默认 1000',
    en: 'how often it repeats, 10 to 60000 ms, 1000 by default',
    fits: whole(10, 60_000),
  },
} as const satisfies Settings

export function ff68Options({ address = '1', repeat_ms = '1000' }: SimGiven['settings']) {
  return { address: Number(address), repeat_ms: Number(repeat_ms) }
}

export function padOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  let before: Uint8Array = new Uint8Array(0)
  const onWire = speaksWrongly(model, (frame) => {
    const again = equalBytes(before, frame)
    before = frame
    return again && wrong('never_repeats') ? [] : [withSum(frame, wrong)]
  })
  return {
    attach: (send) => onWire.attach(send),
    detach: () => onWire.detach(),
    receive(bytes) {
      // A show or a beep is heard; only what would be an echo is not.
      const hears = !isKeyFrame(bytes) || !wrong('echo_missing')
      if (hears) onWire.receive(bytes)
    },
  }
}

export function raterOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  const onWire = speaksWrongly(model, (frame) => [withSum(frame, wrong)])
  return {
    attach: (send) => onWire.attach(send),
    detach: () => onWire.detach(),
    receive(bytes) {
      if (!isKeyFrame(bytes) || !wrong('sum_not_lowered')) onWire.receive(bytes)
      else if (hasRatingsSum(bytes)) onWire.receive(lowered(bytes))
    },
  }
}

/** Whole frames of command 01 only: what comes in pieces is the model's own business. */
function isKeyFrame(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[4] === 0x68 && bytes[6] === 0x01
}

function sumOf(frame: Uint8Array): number {
  return frame.subarray(5, -2).reduce((sum, byte) => sum + byte, 0) & 0xff
}

function hasRatingsSum(frame: Uint8Array): boolean {
  return frame.at(-2) === ((sumOf(frame) + 0x10) & 0xff)
}

function lowered(frame: Uint8Array): Uint8Array {
  return frame.with(frame.length - 2, sumOf(frame))
}

function withSum(frame: Uint8Array, wrong: SimGiven['wrong']): Uint8Array {
  return wrong('wrong_checksum') ? frame.with(frame.length - 2, frame.at(-2)! ^ 0x5a) : frame
}
