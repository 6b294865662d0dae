/** What stands between a right simulator and its line and makes it wrong in one way, and who uses it meanwhile. */
import { crc16Modbus, xor8 } from '#devices/std/crc.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { OnBench } from './bench-fixture.ts'

/** `asked` is the request before it. Null says nothing. */
export type Alter = (bytes: Uint8Array, asked: Uint8Array) => Uint8Array | null

export type Meddling = {
  /** What this request is answered with in the device's stead. */
  answers?: (request: Uint8Array) => Uint8Array | null
  /** To the device; null: it hears nothing. Each piece is one whole frame, both ways. */
  heard?: (request: Uint8Array) => Uint8Array | null
  /** From the device. */
  said?: Alter
}

/** `tell` puts something to the device that nobody sent, and keeps its answer off the line. */
export type Meddle = (tell: (request: Uint8Array) => Uint8Array | undefined) => Meddling

export function meddled(meddle: Meddle): NonNullable<OnBench['onWire']> {
  return (model: DeviceModel) => {
    let asked: Uint8Array = new Uint8Array(0)
    let unheard: Uint8Array[] | null = null
    const tell = (request: Uint8Array) => {
      const answers: Uint8Array[] = []
      unheard = answers
      model.receive(request)
      unheard = null
      return answers[0]
    }
    const { answers = () => null, heard = (bytes) => bytes, said = (bytes) => bytes } = meddle(tell)
    let line: (bytes: Uint8Array) => void = () => {}
    return {
      attach(send) {
        line = send
        model.attach((bytes) => {
          if (unheard !== null) return void unheard.push(bytes)
          const altered = said(bytes, asked)
          if (altered !== null) send(altered)
        })
      },
      detach: () => model.detach(),
      receive(bytes) {
        asked = Uint8Array.from(bytes)
        const answer = answers(asked)
        if (answer !== null) return line(answer)
        const taken = heard(asked)
        if (taken !== null) model.receive(taken)
      },
    }
  }
}

export function onWire(said: Alter): NonNullable<OnBench['onWire']> {
  return meddled(() => ({ said }))
}

// Readers.

export const isRead = (reply: Uint8Array) => reply.length > 1000
export const looksForCard = (asked: Uint8Array) => asked[7] === 0x20 && asked[8] === 0x01
export const found = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69, 0, 8, 0, 0, 0x9f, 0, 0, 0, 0, 0x97)

/** Length and checksum made again. */
export function sam(...parts: Uint8Array[]): Uint8Array {
  const frame = Uint8Array.from(parts.flatMap((part) => [...part]))
  frame[5] = (frame.length - 7) >> 8
  frame[6] = (frame.length - 7) & 0xff
  return frame.with(frame.length - 1, xor8(frame.subarray(5, -1)))
}

export function blanksAs(low: number, high: number): Alter {
  return (reply) => {
    if (!isRead(reply)) return reply
    const bytes = reply.slice()
    for (let at = 14; at < 270; at += 2) {
      if (bytes[at] === 0x20 && bytes[at + 1] === 0) bytes.set([low, high], at)
    }
    return sam(bytes)
  }
}

// Units of the register map.

export function modbus(frame: Uint8Array): Uint8Array {
  const crc = crc16Modbus(frame.subarray(0, -2))
  return frame.with(frame.length - 2, crc & 0xff).with(frame.length - 1, crc >> 8)
}

/** The answer of a unit that holds nothing. */
export function emptied(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice().fill(0, 7, Math.min(17, frame.length - 2))
  return modbus(bytes.length > 20 ? bytes.fill(0x20, 19, 27) : bytes)
}

export const readsEvent = (asked: Uint8Array) => asked[1] === 0x04 && asked[3] === 0x20
const acknowledges = (asked: Uint8Array) => asked[1] === 0x10 && asked[3] === 0x40
const latch = modbus(Uint8Array.of(1, 0x04, 0, 0x20, 0, 4, 0, 0))

/** Of the event in the answer to either read of it. */
function acknowledgement(reply: Uint8Array): Uint8Array {
  const event = reply.subarray(3, 11)
  return modbus(Uint8Array.of(1, 0x10, 0, 0x40, 0, 5, 10, ...event, 0, 1, 0, 0))
}

/** Releases a latched event when it is read. `words` is 4 or 12. */
export function clearsRead(when: (event: number, words: number) => boolean): Meddle {
  return (tell) => ({
    said(reply, asked) {
      if (!readsEvent(asked) || reply[10] === 0 || !when(reply[10]!, asked[5]!)) return reply
      tell(acknowledgement(reply))
      return reply
    },
  })
}

export const takesOtherBoot: Meddle = (tell) => ({
  heard(request) {
    const held = tell(latch)
    if (!acknowledges(request) || held === undefined) return request
    const bytes = request.slice()
    bytes.set(held.subarray(3, 7), 7)
    return modbus(bytes)
  },
})

/** A second time the same acknowledgement is taken for one of what is held now. */
export const repeatedReleasesNext: Meddle = (tell) => {
  let before = ''
  return {
    said(reply, asked) {
      if (!acknowledges(asked) || reply[1] !== 0x10) return reply
      const again = before === String(asked)
      before = String(asked)
      const held = again ? tell(latch) : undefined
      if (held !== undefined && held[10] !== 0) tell(acknowledgement(held))
      return reply
    },
  }
}

export const displayReleases: Meddle = (tell) => ({
  said(reply, asked) {
    const held = asked[1] === 0x10 && asked[3] === 0x50 ? tell(latch) : undefined
    if (held !== undefined && held[10] !== 0) tell(acknowledgement(held))
    return reply
  },
})

// Panels of MDC.

const mdc = (...body: number[]) =>
  Uint8Array.of(0xaa, ...body, body.reduce((sum, byte) => sum + byte, 0) & 0xff)

/** Panel 1, as it is or switched on, that answers some broadcasts. */
export function mdcPanel(on: boolean, answers: (data: Uint8Array) => boolean): Meddle {
  return (tell) => {
    let begun = false
    return {
      heard(request) {
        if (on && !begun) tell(mdc(0x11, 1, 1, 1))
        begun = true
        const [, command, id] = request
        if (id !== 0xfe || !answers(request.subarray(4, -1))) return request
        return mdc(command!, 1, ...request.subarray(3, -1))
      },
    }
  }
}

// Pads and raters of FF 68.

/** Of command 01, as an echo of a key is and the answer to a rating. */
const isAnswer = (frame: Uint8Array) => frame[0] === 0xff && frame[6] === 0x01

/** Misses the echo of the keys that `when` names, the first being 1. */
export function deaf(when: (key: number) => boolean): Meddle {
  return () => {
    let keys = 0
    let before = ''
    return {
      heard: (request) => (isAnswer(request) && when(keys) ? null : request),
      said(frame) {
        if (before !== String(frame)) keys += 1
        before = String(frame)
        return frame
      },
    }
  }
}

/** Takes as answer what `taken` makes of its rating, and not the right one. */
export function takesAsAnswer(
  taken: (rating: Uint8Array, right: Uint8Array) => Uint8Array,
): Meddle {
  return () => {
    let rating: Uint8Array = new Uint8Array(0)
    return {
      heard(request) {
        if (rating.length === 0) return request
        const right = rating.with(6, 0x01).with(rating.length - 2, (rating.at(-2)! - 0x10) & 0xff)
        return String(request) === String(taken(rating, right)) ? right : null
      },
      said(frame) {
        rating = frame.slice()
        return frame
      },
    }
  }
}

// Printers.

/** Bits of paper end and cover in the answer to DLE EOT 2. */
export const swapsStatus2: Alter = (reply, asked) => {
  if (reply.length !== 1 || asked[1] !== 0x04 || asked[2] !== 2) return reply
  const [byte = 0] = reply
  const cover = (byte & 0x04) !== 0
  const paper = (byte & 0x20) !== 0
  return Uint8Array.of((byte & ~0x24) | (paper ? 0x04 : 0) | (cover ? 0x20 : 0))
}

/** The same in the automatic status. */
export const swapsAutomatic: Alter = (reply) => {
  if (reply.length !== 4) return reply
  const cover = (reply[0]! & 0x20) !== 0
  const paper = (reply[2]! & 0x0c) !== 0
  const first = (reply[0]! & ~0x20) | (paper ? 0x20 : 0)
  return reply.with(0, first).with(2, (reply[2]! & ~0x0c) | (cover ? 0x0c : 0))
}

/** A printer that takes GS a off line too, and says this at once. */
export function automaticOffLine(status: Uint8Array): Meddle {
  return () => ({
    answers: ([gs, a, mask]) => (gs === 0x1d && a === 0x61 && mask !== 0 ? status : null),
  })
}

// What somebody does to it.

type Hands = Parameters<NonNullable<OnBench['before']>>[0]

/** Somebody does this once the device has said its first word. */
export function meanwhile(act: (hands: Hands) => void): OnBench {
  let hands: Hands | null = null
  return {
    before(given) {
      hands = given
    },
    onWire: onWire((bytes) => {
      const now = hands
      hands = null
      if (now !== null) setImmediate(() => act(now))
      return bytes
    }),
  }
}

export const before = (act: (hands: Hands) => void): OnBench => ({ before: act })

/** Nobody there, after somebody did this to it. */
export const left = (hand: string, argument = '') =>
  ({ attended: false, before: (hands) => hands[hand]!(argument) }) satisfies OnBench
