/** What wrong ticket printers do. */
import type { DeviceModel } from '../models/model.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

export const printerFaults = {
  status_bits_swapped: {
    zh: '状态字节 2 中缺纸位与开盖位对调',
    en: 'in status 2 the bits of paper end and cover open are swapped',
  },
  no_process_id: {
    zh: '不回应作业号',
    en: 'a process id is not answered',
  },
} as const satisfies Record<string, Bilingual>

const cover = 0x04
const paper = 0x20

/** A wrapper, as which status was asked for is known only from what came in. */
export function printerOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  const asked: number[] = []
  const onWire = speaksWrongly(model, (bytes) => {
    if (bytes.length === 7 && bytes[0] === 0x37 && wrong('no_process_id')) return []
    if (bytes.length !== 1) return [bytes]
    return asked.shift() === 2 && wrong('status_bits_swapped') ? [swapped(bytes)] : [bytes]
  })
  return {
    attach(send) {
      asked.length = 0
      onWire.attach(send)
    },
    detach: () => onWire.detach(),
    receive(bytes) {
      asked.push(...statusesIn(bytes))
      onWire.receive(bytes)
    },
  }
}

/** Which of the four were asked for; a question cut in two is missed, and answered rightly. */
function statusesIn(bytes: Uint8Array): number[] {
  const found: number[] = []
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] === 0x10 && bytes[at + 1] === 0x04) found.push(bytes[at + 2]!)
  }
  return found
}

function swapped(bytes: Uint8Array): Uint8Array {
  const byte = bytes[0]!
  const others = byte & ~(cover | paper)
  return Uint8Array.of(others | (byte & cover ? paper : 0) | (byte & paper ? cover : 0))
}
