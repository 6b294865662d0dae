/** PJLink and Samsung MDC: golden frames both ways, proofs, damage, and the machine over both. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, concat, fromHex, toHex } from '#devices/std/bytes.ts'
import {
  type DisplayAsked,
  type DisplayProtocol,
  displayDialects,
} from '#devices/types/display-dialects.ts'
import { hallDisplay } from '#devices/types/hall-display.ts'
import {
  answersMdc,
  createMdcReplyDeframer,
  createMdcRequestDeframer,
  encodeMdcReply,
  encodeMdcRequest,
  type MdcReply,
  type MdcRequest,
  mdcRequest,
  mdcStatusOf,
} from '#devices/wire/mdc.ts'
import {
  createPjlinkReplyDeframer,
  createPjlinkRequestDeframer,
  encodePjlinkReply,
  encodePjlinkRequest,
  md5Proof,
  type PjlinkReply,
  type PjlinkRequest,
  pjlinkErrorOf,
  pjlinkLampsOf,
  pjlinkTroublesOf,
  sha256Proof,
} from '#devices/wire/pjlink.ts'
import { stepper } from './stepper.ts'
import {
  bytesIn,
  feed,
  golden,
  holdsSplitLaw,
  passesSixChunkings,
  plain,
  withByte,
} from './support.ts'

type Vector = { name: string; hex: string; value: object }
type Proof = { salt: string; password: string }
type PjlinkGolden = {
  md5: Proof & { proof: string }
  sha256: Proof & { own: string; xor: string; digest: string }
  requests: Vector[]
  replies: Vector[]
}
type Exchange = {
  protocol: DisplayProtocol
  asked: DisplayAsked
  request: string
  reply: string
  reading: object
}
const pjlink = golden<PjlinkGolden>('pjlink.json')
const mdc = golden<{ requests: Vector[]; replies: Vector[] }>('mdc.json')
const { exchanges } = golden<{ exchanges: Exchange[] }>('hall-display.json')
const hash = (name: string) => (text: string) => createHash(name).update(text).digest('hex')

describe('PJLink', () => {
  it('makes the published proofs', () => {
    const { md5, sha256 } = pjlink
    expect(md5Proof(hash('md5'), md5.salt, md5.password)).toBe(md5.proof)
    expect(sha256Proof(hash('sha256'), sha256, sha256.password)).toBe(sha256.own + sha256.digest)
  })

  it('hashes the XOR of both numbers, which gives either back from the other', () => {
    const { salt, own, xor, password } = pjlink.sha256
    const hashed = (numbers: { salt: string; own: string }) => {
      let text = ''
      sha256Proof((given) => (text = given), numbers, password)
      return text
    }
    expect(hashed({ salt, own })).toBe(xor + password)
    expect(hashed({ salt: own, own: salt })).toBe(xor + password)
    expect(hashed({ salt: xor, own })).toBe(salt + password)
    expect(hashed({ salt: xor, own: salt })).toBe(own + password)
  })

  for (const { name, hex, value } of pjlink.requests) {
    it(`request ${name} both ways`, () => {
      expect(toHex(encodePjlinkRequest(value as PjlinkRequest))).toBe(toHex(fromHex(hex)))
      expect(createPjlinkRequestDeframer().push(fromHex(hex))).toEqual({
        frames: [value],
        discarded: [],
      })
    })
  }

  for (const { name, hex, value } of pjlink.replies) {
    it(`reply ${name} both ways`, () => {
      expect(toHex(encodePjlinkReply(value as PjlinkReply))).toBe(toHex(fromHex(hex)))
      expect(createPjlinkReplyDeframer().push(fromHex(hex))).toEqual({
        frames: [value],
        discarded: [],
      })
    })
  }

  const requests = pjlink.requests.map(({ hex }) => fromHex(hex))
  const replies = pjlink.replies.map(({ hex }) => fromHex(hex))

  it('passes the six chunkings', () => {
    passesSixChunkings(createPjlinkReplyDeframer, replies[0]!, fromHex('25 50 4A 0A FF'))
    passesSixChunkings(createPjlinkRequestDeframer, requests[0]!, asciiBytes('hello\r'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createPjlinkReplyDeframer, replies, [0x25, 0x50, 0x0d, 0x31, 0x3d])
    holdsSplitLaw(createPjlinkRequestDeframer, requests, [0x25, 0x50, 0x0d, 0x31, 0x20])
  })

  it('holds back a bounded beginning of a line that never ends', () => {
    const endless = asciiBytes(`%1NAME=${'x'.repeat(5000)}`)
    const deframer = createPjlinkReplyDeframer()
    for (const byte of endless) deframer.push(Uint8Array.of(byte))
    expect(deframer.pending).toBeLessThan(140)
    expect(deframer.push(replies[0]!).frames).toHaveLength(1)
  })

  it('never takes an answer cut short for an answer', () => {
    for (const reply of replies) {
      for (let at = 0; at < reply.length; at++) {
        expect(feed(createPjlinkReplyDeframer(), [reply.subarray(0, at)]).frames).toEqual([])
      }
    }
  })

  it('reads what parameters say and nothing into others', () => {
    expect(pjlinkErrorOf('ERR4')).toBe('failure')
    expect(pjlinkErrorOf('constructor')).toBeNull()
    expect(pjlinkTroublesOf('000003')).toBeNull()
    expect(pjlinkLampsOf('1200 1 31 0')).toEqual([
      { hours: 1200, on: true },
      { hours: 31, on: false },
    ])
    expect(pjlinkLampsOf('1200')).toBeNull()
  })
})

describe('Samsung MDC', () => {
  for (const { name, hex, value } of mdc.requests) {
    it(`request ${name} both ways`, () => {
      const request = bytesIn<MdcRequest>(value, 'data')
      expect(toHex(encodeMdcRequest(request))).toBe(toHex(fromHex(hex)))
      const { frames, discarded } = createMdcRequestDeframer().push(fromHex(hex))
      expect(frames.map(plain)).toEqual([value])
      expect(discarded).toEqual([])
    })
  }

  for (const { name, hex, value } of mdc.replies) {
    it(`answer ${name} both ways`, () => {
      const reply = bytesIn<MdcReply>(value, 'data')
      expect(toHex(encodeMdcReply(reply))).toBe(toHex(fromHex(hex)))
      const { frames, discarded } = createMdcReplyDeframer().push(fromHex(hex))
      expect(frames.map(plain)).toEqual([value])
      expect(discarded).toEqual([])
    })
  }

  const requests = mdc.requests.map(({ hex }) => fromHex(hex))
  const replies = mdc.replies.map(({ hex }) => fromHex(hex))

  it('passes the six chunkings', () => {
    passesSixChunkings(createMdcReplyDeframer, replies[0]!, fromHex('AA 41 AA AA'))
    passesSixChunkings(createMdcRequestDeframer, requests[0]!, fromHex('00 FF'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createMdcReplyDeframer, replies, [0xaa, 0xff, 0x41, 0x4e, 0x02])
    holdsSplitLaw(createMdcRequestDeframer, requests, [0xaa, 0x00, 0x01])
  })

  it('never takes an answer with one byte changed or cut short', () => {
    for (const reply of replies) {
      for (let at = 0; at < reply.length; at++) {
        expect(feed(createMdcReplyDeframer(), [reply.subarray(0, at)]).frames).toEqual([])
        for (let change = 1; change < 256; change++) {
          expect(feed(createMdcReplyDeframer(), [withByte(reply, at, change)]).frames).toEqual([])
        }
      }
    }
  })

  it('reads the status and matches answers to their requests', () => {
    const [status, power] = replies.map((reply) => createMdcReplyDeframer().push(reply).frames[0]!)
    expect(mdcStatusOf(status!.data)).toMatchObject({ power: 1, volume: 20, input: 0x21 })
    expect(answersMdc(mdcRequest(1, 'power', 1), power!)).toBe(true)
    expect(answersMdc(mdcRequest(2, 'power', 1), power!)).toBe(false)
    expect(answersMdc(mdcRequest(1, 'input'), power!)).toBe(false)
  })
})

describe('a hall display in both protocols', () => {
  for (const { protocol, asked, request, reply, reading } of exchanges) {
    const text = JSON.stringify(asked)
    it(`${protocol}: ${text} is ${JSON.stringify(reading)}`, () => {
      const dialect = displayDialects[protocol]
      expect(toHex(dialect.encode(asked, { id: 1, proof: '' }))).toBe(toHex(fromHex(request)))
      const { frames, discarded } = hallDisplay.deframer().push(fromHex(reply))
      expect(discarded).toEqual([])
      expect(dialect.read(asked, frames[0]!, 1)).toEqual(reading)
    })
  }

  it('finds the frames of either protocol behind noise of the other', () => {
    const all = exchanges.map(({ reply }) => fromHex(reply))
    holdsSplitLaw(hallDisplay.deframer, all, [0xaa, 0xff, 0x25, 0x50, 0x0d])
    const noisy = concat(fromHex('25 31 50 AA 25'), fromHex(mdc.replies[1]!.hex))
    expect(hallDisplay.deframer().push(noisy).frames).toHaveLength(1)
  })
})

describe('the machine of a hall display', () => {
  const frameOf = (hex: Uint8Array) => hallDisplay.deframer().push(hex).frames[0]!
  const says = (text: string) => frameOf(asciiBytes(`${text}\r`))

  it('proves once, before the first command, and never shows the proof', () => {
    const machine = stepper(hallDisplay, { password: 'secret-word' })
    expect(JSON.stringify(machine.state)).not.toContain('secret-word')
    machine.connect(0)
    expect(machine.frame(says('PJLINK 1 498e4a67'), 1).emitted).toEqual([
      { type: 'challenge', security: 'md5', salt: '498e4a67' },
    ])
    const { proof } = pjlink.md5
    const first = machine.command(1, { command: 'prove', proof }, 2)
    expect(first.sent).toEqual([toHex(asciiBytes(`${proof}%1CLSS ?\r`))])
    expect(first.labels).toEqual(['class'])
    const second = machine.frame(says('%1CLSS=1'), 3)
    expect(second.sent).toEqual([toHex(asciiBytes('%1POWR ?\r'))])
  })

  it('asks for SHA-256 where told, and does not fall back', () => {
    const machine = stepper(hallDisplay, { security: 'sha256' })
    machine.connect(0)
    const asked = machine.frame(says('PJLINK 1 498e4a67'), 1)
    expect(asked.sent).toEqual([toHex(asciiBytes('PJLINK 2\r'))])
    expect(asked.emitted).toEqual([])
    expect(machine.frame(says('PJLINK ERRA'), 2).states).toEqual([
      'not_configured: password_refused',
    ])
    expect(machine.timer(70_000).dropped).toBe(true)
  })

  it('waits for a panel on its way and sets the input when it is on', () => {
    const machine = stepper(hallDisplay, { protocol: 'pjlink', settle_ms: 1000 })
    machine.connect(0)
    machine.command(1, { command: 'want', wish: { power: 'on', input: '32' } }, 0)
    machine.frame(says('PJLINK 0'), 0)
    machine.frame(says('%1CLSS=1'), 0)
    const look = (power: string, input: string, at_ms: number) => {
      machine.frame(says(`%1POWR=${power}`), at_ms)
      machine.frame(says(`%1INPT=${input}`), at_ms)
      return machine.frame(says('%1ERST=000000'), at_ms).labels
    }
    expect(look('0', 'ERR3', 0)).toEqual(['set_power'])
    expect(machine.frame(says('%1POWR=OK'), 0).timers).toEqual([5000])
    // Long past the time to set again: it is warming up.
    expect(machine.timer(5000).labels).toEqual(['power'])
    expect(look('3', 'ERR3', 5000)).toEqual([])
    machine.timer(10_000)
    expect(look('1', '31', 10_000)).toEqual(['set_input'])
    machine.frame(says('%1INPT=OK'), 10_000)
    machine.timer(20_000)
    expect(look('1', '32', 20_000)).toEqual([])
    // Reached, then changed by hand: said, not fought.
    machine.timer(30_000)
    expect(machine.frame(says('%1POWR=0'), 30_000).states).toEqual(['online: differs'])
    machine.frame(says('%1INPT=ERR3'), 30_000)
    expect(machine.frame(says('%1ERST=000000'), 30_000).labels).toEqual([])
  })

  it('asks a panel that cannot say its number now again, until it does', () => {
    const machine = stepper(hallDisplay, { protocol: 'pjlink' })
    machine.connect(0)
    machine.frame(says('PJLINK 0'), 0)
    expect(machine.frame(says('%1CLSS=2'), 0).labels).toEqual(['serial'])
    const look = (at_ms: number) => {
      machine.frame(says('%1POWR=0'), at_ms)
      machine.frame(says('%1INPT=ERR3'), at_ms)
      machine.frame(says('%1ERST=000000'), at_ms)
      return machine.timer(at_ms + 5_000).labels
    }
    expect(machine.frame(says('%2SNUM=ERR3'), 0).labels).toEqual(['power'])
    expect(look(0)).toEqual(['serial'])
    machine.frame(says('%2SNUM=ERR3'), 5_000)
    expect(look(5_000)).toEqual(['serial'])
    machine.frame(says('%2SNUM=PANEL-7'), 10_000)
    expect(look(10_000)).toEqual(['power'])
  })

  it('answers each command once and sets nothing before it looked, whatever comes', () => {
    // What fits the question asked last, so that runs get far; any other line may come too.
    const fitting: Record<string, string[]> = {
      '': ['PJLINK 0', 'PJLINK 1 498e4a67'],
      class: ['%1CLSS=2', '%1CLSS=1'],
      serial: ['%2SNUM=X', '%2SNUM=ERR1'],
      power: ['%1POWR=0', '%1POWR=1', '%1POWR=3'],
      input: ['%1INPT=31', '%1INPT=ERR3'],
      troubles: ['%1ERST=000000', '%1ERST=ERR4'],
      set_power: ['%1POWR=OK', '%1POWR=ERR3'],
      set_input: ['%1INPT=OK', '%1INPT=ERR2'],
    }
    const any = Object.values(fitting).flat()
    const act = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('answer'), which: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('line'), which: fc.nat(99) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constantFrom('timer', 'up', 'down', 'want', 'prove'),
          which: fc.constant(0),
        }),
      },
    )
    let set = 0
    const run = (acts: { do: string; which: number }[]) => {
      const machine = stepper(hallDisplay, { settle_ms: 1 })
      const wish = { power: 'on', input: '32' } as const
      let up = false
      let ids = 0
      const finished: number[] = []
      const stepOnce = ({ do: what, which }: { do: string; which: number }, now_ms: number) => {
        if (what === 'want') return machine.command(++ids, { command: 'want', wish }, now_ms)
        if (what === 'prove') {
          return machine.command(++ids, { command: 'prove', proof: null }, now_ms)
        }
        if (what === 'timer') return machine.timer(now_ms)
        if (what === 'up' || what === 'down') {
          if ((what === 'up') === up) return null
          up = what === 'up'
          return up ? machine.connect(now_ms) : machine.disconnect(now_ms)
        }
        const lines = what === 'answer' ? fitting[machine.state.asked?.what ?? '']! : any
        return up ? machine.frame(says(lines[which % lines.length]!), now_ms) : null
      }
      machine.connect(0)
      up = true
      acts.forEach((one, now_ms) => {
        const done = stepOnce(one, now_ms)
        if (done === null) return
        finished.push(...done.finished.map(([id]) => id))
        if (done.labels.some((label) => label.startsWith('set_'))) {
          set += 1
          expect(machine.state.condition.power).not.toBeNull()
        }
        if (!done.dropped) return
        up = false
        machine.disconnect(now_ms)
      })
      expect(finished).toEqual(Array.from({ length: ids }, (_, i) => i + 1))
    }
    fc.assert(fc.property(fc.array(act, { minLength: 20, maxLength: 80 }), run), { numRuns: 1000 })
    expect(set).toBeGreaterThan(100)
  })

  it('says what is unsupported, keeps raw values and refuses an input of the other protocol', () => {
    const machine = stepper(hallDisplay, { protocol: 'mdc' })
    machine.connect(0)
    const wrong = { command: 'want', wish: { power: null, input: '31' } } as const
    expect(machine.command(1, wrong, 0).finished).toEqual([[1, 'invalid_input']])
    const nak = (command: number) =>
      encodeMdcReply({ id: 1, accepted: false, command, data: Uint8Array.of(1) })
    machine.frame(frameOf(nak(0x0b)), 0)
    const raw = encodeMdcReply({ id: 1, accepted: true, command: 0x11, data: Uint8Array.of(9) })
    machine.frame(frameOf(raw), 0)
    const told = machine.frame(frameOf(nak(0x14)), 0)
    expect(told.emitted).toEqual([
      {
        type: 'display',
        condition: {
          power: '09',
          input: null,
          troubles: null,
          unsupported: ['serial', 'input'],
        },
      },
    ])
    machine.frame(frameOf(nak(0x0d)), 0)
    expect(machine.timer(5000).labels).toEqual(['power'])
    expect(machine.frame(frameOf(raw), 5000).labels).toEqual([])
  })
})
