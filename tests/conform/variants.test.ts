/** Faults like those the simulators plant, at other bytes and other moments: each is named all the same. */
import net from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { crc16Modbus, xor8 } from '#devices/std/crc.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { speaksWrongly } from '../../firmware-sim/sim-kind.ts'
import { Bench } from '../../gateway/conform/bench.ts'
import { wrongInRead } from '../../gateway/conform/card-bytes.ts'
import { nobodyThere } from '../../gateway/conform/helpers.ts'
import { conformKinds, ownSteps } from '../../gateway/conform/kinds.ts'
import { runSteps } from '../../gateway/conform/run.ts'
import { realPace } from '../../gateway/pace.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'
import { type OnBench, quick, tryOut } from './bench-fixture.ts'

type Alter = (bytes: Uint8Array, asked: Uint8Array) => Uint8Array | null
type Variant = [type: string, what: string, step: string, words: RegExp, alter: () => Alter]

/** Each piece sent is one whole frame, and `asked` the request before it. */
function onWire(alter: Alter): NonNullable<OnBench['onWire']> {
  return (model: DeviceModel) => {
    let asked = new Uint8Array(0)
    const wrong = speaksWrongly(model, (bytes) => {
      const altered = alter(bytes, asked)
      return altered === null ? [] : [altered]
    })
    return {
      attach: (send) => wrong.attach(send),
      detach: () => wrong.detach(),
      receive(bytes) {
        asked = Uint8Array.from(bytes)
        wrong.receive(bytes)
      },
    }
  }
}

const isRead = (reply: Uint8Array) => reply.length > 1000

/** Length and checksum made again. */
function sam(...parts: Uint8Array[]): Uint8Array {
  const frame = Uint8Array.from(parts.flatMap((part) => [...part]))
  frame[5] = (frame.length - 7) >> 8
  frame[6] = (frame.length - 7) & 0xff
  return frame.with(frame.length - 1, xor8(frame.subarray(5, -1)))
}

function blanksAs(low: number, high: number): Alter {
  return (reply) => {
    if (!isRead(reply)) return reply
    const bytes = reply.slice()
    for (let at = 14; at < 270; at += 2) {
      if (bytes[at] === 0x20 && bytes[at + 1] === 0) bytes.set([low, high], at)
    }
    return sam(bytes)
  }
}

function modbus(frame: Uint8Array): Uint8Array {
  const crc = crc16Modbus(frame.subarray(0, -2))
  return frame.with(frame.length - 2, crc & 0xff).with(frame.length - 1, crc >> 8)
}

/** The answer of a unit that holds nothing. */
function emptied(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice().fill(0, 7, Math.min(17, frame.length - 2))
  return modbus(bytes.length > 20 ? bytes.fill(0x20, 19, 27) : bytes)
}

const readsEvent = (asked: Uint8Array) => asked[1] === 0x04 && asked[3] === 0x20
const found = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69, 0, 8, 0, 0, 0x9f, 0, 0, 0, 0, 0x97)

const variants: Variant[] = [
  [
    'id_card_reader',
    'a checksum over the preamble too',
    'status',
    /^fail: wrong checksum/,
    () => (reply) => reply.with(-1, xor8(reply.subarray(0, -1))),
  ],
  [
    'id_card_reader',
    'one bit of the checksum of a read',
    'read',
    /^fail: wrong checksum/,
    () => (reply) => (isRead(reply) ? reply.with(-1, reply.at(-1)! ^ 1) : reply),
  ],
  [
    'id_card_reader',
    'the length of the text alone little-endian',
    'read',
    /^fail: the length of text is little-endian/,
    () => (reply) => (isRead(reply) ? sam(reply.with(10, 0).with(11, 1)) : reply),
  ],
  [
    'id_card_reader',
    'the length of the photo alone little-endian',
    'read',
    /^fail: the length of photo is little-endian/,
    () => (reply) => (isRead(reply) ? sam(reply.with(12, 0).with(13, 4)) : reply),
  ],
  [
    'id_card_reader',
    'the card found again at the third look',
    'find_while_lying',
    /^fail: find answers while the card stays/,
    () => {
      let read = false
      let looks = 0
      return (reply, asked) => {
        read ||= isRead(reply)
        const again = read && asked[7] === 0x20 && asked[8] === 0x01 && ++looks === 3
        return again ? found : reply
      }
    },
  ],
  [
    'id_card_reader',
    'text padded with FF FF',
    'read',
    /^fail: text without padding/,
    () => blanksAs(0xff, 0xff),
  ],
  [
    'id_card_reader',
    'blanks high byte first',
    'read',
    /^fail: text without padding/,
    () => blanksAs(0, 0x20),
  ],
  [
    'id_card_reader',
    'text cut while its length says 256',
    'read',
    /^fail: text without padding/,
    () => (reply) =>
      isRead(reply) ? sam(reply.subarray(0, 14 + 220), reply.subarray(270)) : reply,
  ],
  [
    'ticket_printer',
    'paper end and cover swapped in the automatic status alone',
    'cover_open',
    /^fail: in the automatic status .*are swapped/,
    () => (reply) => {
      if (reply.length !== 4) return reply
      const cover = (reply[0]! & 0x20) !== 0
      const paper = (reply[2]! & 0x0c) !== 0
      const first = (reply[0]! & ~0x20) | (paper ? 0x20 : 0)
      return reply.with(0, first).with(2, (reply[2]! & ~0x0c) | (cover ? 0x0c : 0))
    },
  ],
  [
    'ticket_printer',
    'paper end in status 4 when the cover is open',
    'cover_open',
    /^fail: paper end: .*contradiction/,
    () => {
      let open = false
      return (reply, asked) => {
        if (reply.length !== 1) return reply
        if (asked[2] === 2) open = (reply[0]! & 0x04) !== 0
        return asked[2] === 4 && open ? Uint8Array.of(reply[0]! | 0x60) : reply
      }
    },
  ],
  [
    'ticket_printer',
    'a process id of another job',
    'process_id',
    /^fail: .*came/,
    () => (reply) => (reply[0] === 0x37 ? reply.with(2, 0x39) : reply),
  ],
  [
    'call_pad',
    'CRC bytes swapped in exceptions alone',
    'unlisted_refused',
    /^fail: the CRC bytes are swapped/,
    () => (reply) =>
      reply[1]! & 0x80 ? reply.with(-1, reply.at(-2)!).with(-2, reply.at(-1)!) : reply,
  ],
  [
    'call_pad',
    'the latch released by the short read',
    'latch_holds',
    /^fail: event latch cleared before acknowledgement/,
    () => {
      let released = false
      return (reply, asked) => {
        if (!readsEvent(asked)) return reply
        const now = released
        released ||= asked[5] === 4 && reply[10] !== 0
        return now ? emptied(reply) : reply
      }
    },
  ],
  [
    'ticket_panel',
    'the latch released by its fifth read',
    'latch_holds',
    /^fail: event latch cleared before acknowledgement/,
    () => {
      let reads = 0
      return (reply, asked) =>
        readsEvent(asked) && reply[10] !== 0 && ++reads > 4 ? emptied(reply) : reply
    },
  ],
  [
    'call_pad',
    'the latch released by an acknowledgement it refused',
    'wrong_acknowledgement_refused',
    /^fail: event latch cleared before acknowledgement/,
    () => {
      let released = false
      return (reply, asked) => {
        released ||= reply[1] === 0x90 && asked[3] === 0x40
        return released && readsEvent(asked) ? emptied(reply) : reply
      }
    },
  ],
  [
    'call_pad',
    'no echo to a display alone',
    'display_number',
    /^fail: echo missing/,
    () => (reply) => (reply[1] === 0x10 && reply[3] === 0x50 ? null : reply),
  ],
  [
    'rating_pad',
    'the request named in capitals',
    'rating_of_request',
    /^fail: request CONFORM1/,
    () => (reply, asked) => {
      if (!readsEvent(asked) || reply[12] !== 8) return reply
      return modbus(
        reply.map((byte, at) => (at >= 19 && at < 27 && byte > 0x60 ? byte - 32 : byte)),
      )
    },
  ],
]

describe.concurrent('a device that is wrong in its own way', () => {
  it.each(variants)('%s: %s', async (type, _what, step, words, alter) => {
    const { bad } = await tryOut(type, { onWire: onWire(alter()) })
    expect(bad[step]).toMatch(words)
  })

  it('fingerprint length little-endian is named as that', () => {
    const data = new Uint8Array(6 + 256 + 1024 + 512).fill(0x20)
    data.set([1, 0, 4, 0, 0, 2])
    expect(wrongInRead(data, 3)?.says.en).toMatch(/length of fingerprint is little-endian/)
    data.set([0, 3], 4)
    expect(wrongInRead(data, 3)?.says.en).toMatch(/^fingerprint length 00 03/)
  })
})

it('a device that answers late is told as that, and no late answer is taken for the next', async () => {
  const options = { reply_ms: 600, quiet_ms: 60 }
  const settings = { sam_delay_ms: '850' }
  const { results } = await tryOut('id_card_reader', { settings, options })
  const failed = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'differs')
  expect(failed.length).toBeGreaterThan(3)
  for (const { says } of failed) {
    expect(says.en).toMatch(/^the answer came too late, after \d+ ms/)
    expect(says.zh).toMatch(/应答太迟/)
  }
})

type Far = { at: { host: string; port: number }; close: () => void }
const open: Far[] = []

function far(meet: (socket: net.Socket) => void): Promise<Far> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    meet(socket)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      const made = { at: { host: '127.0.0.1', port }, close: () => void server.close() }
      open.push(made)
      resolve(made)
    })
  })
}

async function tried(type: string, meet: (socket: net.Socket) => void) {
  const { at } = await far(meet)
  const transport = tcpTransport(realPace, at)
  const options = { ...quick, reply_ms: 120, quiet_ms: 60 }
  await using bench = new Bench({ transport, pace: realPace, helper: nobodyThere }, options)
  await bench.connect()
  return await runSteps(conformKinds.get(type)!, bench)
}

describe.concurrent('nothing behind the address', () => {
  afterAll(() => {
    for (const { close } of open) close()
  })

  it.each([...ownSteps.keys()])('%s that never says a word passes in nothing', async (type) => {
    const results = await tried(type, (socket) => socket.resume())
    expect(results.filter(({ verdict }) => verdict === 'pass')).toEqual([])
  })

  // A rater is asked nothing while nobody is there to press it.
  const spoken = [...ownSteps.keys()].filter((type) => type !== 'ff68_rater')
  it.each(spoken)('%s whose link closes at once is told as that', async (type) => {
    const results = await tried(type, (socket) => socket.destroy())
    expect(results.filter(({ verdict }) => verdict === 'pass')).toEqual([])
    const failed = results.filter(({ verdict }) => verdict === 'fail')
    expect(failed.length).toBeGreaterThan(0)
    for (const { says } of failed) {
      expect(says.en).toMatch(/closed the link/)
      expect(says.zh).toMatch(/断开/)
    }
  })
})
