/** ZT588 frames, service passwords and PIN blocks: golden bytes, damage, and what must never be shown. */
import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, byteText, concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { pinPad } from '#devices/types/pin-pad.ts'
import { createServicePasswordDeframer } from '#devices/wire/service-password.ts'
import {
  blockText,
  createZt588Deframer,
  encodeZt588,
  informationText,
  inputTime,
  isZt588Yes,
  promptText,
  readBlock,
  readInformation,
  readPrompt,
  type Zt588Frame,
  type Zt588Information,
  type Zt588Prompt,
  zt588Commands,
  zt588ErrorOf,
} from '#devices/wire/zt588.ts'
import { type BlockCipher, encrypt, format0, format4 } from '../../firmware-sim/models/pin-block.ts'
import { stepper } from './stepper.ts'
import { feed, golden, holdsSplitLaw, passesSixChunkings, withByte } from './support.ts'

type Golden = {
  frames: { name: string; text: string; hex: string }[]
  prompts: { name: string; hex: string; value: Zt588Prompt }[]
  blocks: { name: string; hex: string; value: { track: number; digits: number; block: string } }[]
  information: { hex: string; value: Zt588Information }
  keys: { hex: string; key: string }[]
}
type Blocks = {
  format_0: Record<'pin' | 'account' | 'block' | 'pin_field' | 'account_field', string>[]
  format_4: Record<
    'key' | 'pin' | 'account' | 'random' | 'block' | 'pin_field' | 'account_field',
    string
  >
  sm4_million: { rounds: number; key: string; text: string; result: string }
  ciphers: { cipher: BlockCipher; key: string; text: string; result: string }[]
}
const vectors = golden<Golden>('pin-pad.json')
const blocks = golden<Blocks>('pin-block.json')

/** Hex of the XOR of two hex texts. */
function mixed(a: string, b: string): string {
  const other = fromHex(b)
  return toHex(fromHex(a).map((byte, at) => byte ^ other[at]!)).toUpperCase()
}

function textIn(hex: string): string {
  const { frames, discarded } = createZt588Deframer().push(fromHex(hex))
  expect(discarded).toEqual([])
  const [frame] = frames as [Zt588Frame]
  expect(frames).toHaveLength(1)
  return frame.kind === 'frame' ? frame.text : ''
}

describe('ZT588', () => {
  for (const { name, text, hex } of vectors.frames) {
    it(`${name} both ways`, () => {
      expect(toHex(encodeZt588(text))).toBe(toHex(fromHex(hex)))
      expect(textIn(hex)).toBe(text)
    })
  }

  it('spells its commands as the vectors do', () => {
    const texts = vectors.frames.map(({ text }) => text)
    const { status, input_off, plain_hex, scan_codes, mask, get_block } = zt588Commands
    const spelt = [status, input_off, plain_hex, scan_codes, mask, get_block, inputTime(30)]
    for (const command of spelt) {
      expect(texts).toContain(command)
    }
  })

  for (const { name, hex, value } of vectors.prompts) {
    it(`prompt ${name} both ways`, () => {
      expect(toHex(encodeZt588(promptText(value)))).toBe(toHex(fromHex(hex)))
      expect(readPrompt(textIn(hex))).toEqual(value)
    })
  }

  for (const { name, hex, value } of vectors.blocks) {
    it(`block ${name} both ways`, () => {
      expect(readBlock(textIn(hex))).toEqual(value)
      expect(toHex(encodeZt588(blockText('7', value)))).toBe(toHex(fromHex(hex)))
    })
  }

  it('reads who the pad is', () => {
    const { hex, value } = vectors.information
    expect(readInformation(textIn(hex))).toEqual(value)
    expect(toHex(encodeZt588(informationText('3', value)))).toBe(toHex(fromHex(hex)))
    expect(readInformation(informationText('3', { ...value, blank: true }))?.blank).toBe(true)
  })

  it('tells keys from frames and forgets which digit a key was', () => {
    for (const { hex, key } of vectors.keys) {
      const { frames } = createZt588Deframer().push(fromHex(hex))
      expect(frames).toEqual([{ kind: 'key', key }])
    }
    const digits = createZt588Deframer().push(asciiBytes('0123456789')).frames
    expect(new Set(digits.map((frame) => JSON.stringify(frame))).size).toBe(1)
  })

  it('names errors and takes none for a yes', () => {
    expect(zt588ErrorOf('\xee')).toBe('timed_out')
    expect(zt588ErrorOf('\xea')).toBe('unlisted')
    expect(zt588ErrorOf('6')).toBeNull()
    expect(isZt588Yes('\xe1')).toBe(false)
    expect(readBlock('\xe70412AC89ABCDEF67')).toBeNull()
  })

  const frames = [...vectors.frames, ...vectors.prompts, ...vectors.blocks].map(({ hex }) =>
    fromHex(hex),
  )

  it('passes the six chunkings', () => {
    passesSixChunkings(createZt588Deframer, frames[0]!, fromHex('00 60 03 02 61'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createZt588Deframer, frames, [0x02, 0x03, 0x30, 0x31, 0x0d])
  })

  it('never takes a frame with one byte changed or cut short, nor its inside for keys', () => {
    for (const frame of frames) {
      const whole = (bytes: Uint8Array) =>
        createZt588Deframer()
          .push(bytes)
          .frames.filter(({ kind }) => kind === 'frame')
      for (let at = 0; at < frame.length; at++) {
        expect(whole(frame.subarray(0, at))).toEqual([])
        for (let change = 1; change < 256; change++) {
          expect(whole(withByte(frame, at, change))).toEqual([])
        }
      }
      const damaged = withByte(frame, 5, 1)
      expect(feed(createZt588Deframer(), [damaged]).frames).toEqual([])
    }
  })
})

describe('service passwords', () => {
  const frame = concat([0x82], asciiBytes('135790'), [0x83])

  it('are refused and dropped unless somebody seals them', () => {
    expect(createServicePasswordDeframer().push(frame)).toEqual({
      frames: [{ kind: 'refused' }],
      discarded: [],
    })
  })

  it('are given to the seal once, and overwritten when it returns', () => {
    const seen: Uint8Array[] = []
    const deframer = createServicePasswordDeframer((digits) => {
      seen.push(digits)
      return `sealed ${digits.length}`
    })
    expect(deframer.push(frame).frames).toEqual([{ kind: 'sealed', sealed: 'sealed 6' }])
    expect(seen.map((digits) => [...digits])).toEqual([[0, 0, 0, 0, 0, 0]])
    const broken = createServicePasswordDeframer((digits) => {
      seen.push(digits)
      throw new Error('no key')
    })
    expect(() => broken.push(frame)).toThrow('no key')
    expect([...seen[1]!]).toEqual([0, 0, 0, 0, 0, 0])
    expect(broken.pending).toBe(0)
  })

  it('never come out among what is discarded, however a stream is cut and damaged', () => {
    const piece = fc.oneof(
      fc.constant(frame),
      fc.nat(8).map((size) => frame.subarray(0, size)),
      fc.uint8Array({ maxLength: 6 }),
    )
    const create = () => createServicePasswordDeframer((digits) => byteText(digits))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(40), (pieces, cut) => {
        const bytes = concat(...pieces)
        const whole = feed(create(), [bytes])
        const split = feed(create(), [bytes.subarray(0, cut), bytes.subarray(cut)])
        expect(split.frames).toEqual(whole.frames)
        expect(split.discarded).toBe(whole.discarded)
        expect(whole.discarded).not.toMatch(/^(..)*3[0-9]/)
        const taken = whole.frames.length * 8
        expect(taken + whole.discarded.length / 2 + whole.pending).toBe(bytes.length)
      }),
    )
    const half = create()
    half.push(frame.subarray(0, 5))
    expect(half.flush().map(({ bytes }) => toHex(bytes))).toEqual(['822a2a2a2a'])
  })
})

describe('PIN blocks of a simulated pad', () => {
  it('are those published', () => {
    for (const { pin, account, block, pin_field, account_field } of blocks.format_0) {
      expect(toHex(format0(pin, account)).toUpperCase()).toBe(block)
      expect(mixed(pin_field, account_field)).toBe(block)
    }
    const { key, pin, account, random, block } = blocks.format_4
    const given = { pin, account, random: fromHex(random) }
    expect(toHex(format4(given, 'aes-128-ecb', fromHex(key))).toUpperCase()).toBe(block)
    for (const { cipher, key, text, result } of blocks.ciphers) {
      expect(toHex(encrypt(cipher, fromHex(key), fromHex(text))).toUpperCase()).toBe(result)
    }
  })

  it('of format 4 goes through the fields and blocks published', () => {
    const { key, pin_field, account_field, block } = blocks.format_4
    const by = (text: string) => toHex(encrypt('aes-128-ecb', fromHex(key), fromHex(text)))
    expect(by(mixed(by(pin_field), account_field)).toUpperCase()).toBe(block)
  })

  it('rest on an SM4 that is still right after a million rounds', () => {
    const { rounds, key, text, result } = blocks.sm4_million
    // Chained over zeros, each block is the encryption of the one before.
    const chain = createCipheriv('sm4-cbc', fromHex(key), fromHex(text))
    const blocksOut = chain.setAutoPadding(false).update(new Uint8Array(rounds * 16))
    expect(blocksOut.subarray(-16).toString('hex').toUpperCase()).toBe(result)
  })
})

describe('the machine of a PIN pad', () => {
  const says = (text: string): Zt588Frame => ({ kind: 'frame', text })
  const key = (name: 'masked' | 'enter' | 'cancel' | 'clear_digit'): Zt588Frame => ({
    kind: 'key',
    key: name,
  })
  const prompt = {
    command: 'prompt',
    account: '6222020200012345678',
    digits: 6,
    content_hash: 'abc',
  } as const
  const information = informationText('3', vectors.information.value)
  const block = '0412AC89ABCDEF67'

  function ready() {
    const machine = stepper(pinPad)
    expect(machine.connect(0).labels).toEqual(['off'])
    expect(machine.frame(says('5'), 0).labels).toEqual(['hex'])
    expect(machine.frame(says('5'), 0).labels).toEqual(['keys'])
    expect(machine.frame(says('4'), 0).labels).toEqual(['mask'])
    expect(machine.frame(says('5'), 0).labels).toEqual(['time'])
    expect(machine.frame(says('5'), 0).labels).toEqual(['status'])
    expect(machine.frame(says(information), 0).states).toEqual(['online: answers'])
    return machine
  }

  it('hands back the block bound to what was confirmed, and shows it nowhere else', () => {
    const machine = ready()
    expect(machine.command(1, prompt, 1).labels).toEqual(['prompt'])
    expect(JSON.stringify(machine.state)).not.toContain(prompt.account)
    machine.frame(says('6'), 2)
    for (let i = 0; i < 5; i++) expect(machine.frame(key('masked'), 3).sent).toEqual([])
    expect(machine.frame(key('masked'), 3).labels).toEqual(['block'])
    const answer = says(`70006${block}`)
    expect(JSON.stringify(pinPad.label(answer))).not.toContain(block)
    const done = machine.frame(answer, 4)
    const [[id, result]] = done.finished as [(typeof done.finished)[0]]
    expect(id).toBe(1)
    expect(result).toMatchObject({ outcome: 'entered', content_hash: 'abc', digits: 6 })
    expect(JSON.stringify(result)).not.toContain(block)
    expect(result.outcome === 'entered' && result.block.reveal()).toBe(block)
    expect(JSON.stringify(machine.state)).not.toContain(block)
  })

  it('switches input off first after every connect, whatever was open', () => {
    const machine = ready()
    machine.command(1, prompt, 1)
    machine.frame(says('6'), 2)
    expect(machine.disconnect(3).finished).toEqual([
      [1, { outcome: 'link_lost', content_hash: 'abc' }],
    ])
    expect(machine.command(2, prompt, 4).finished).toEqual([
      [2, { outcome: 'not_connected', content_hash: 'abc' }],
    ])
    expect(machine.connect(5).sent).toEqual([toHex(encodeZt588('5032'))])
  })

  it('ends an entry at the first digit in the clear', () => {
    const machine = ready()
    machine.command(1, prompt, 1)
    machine.frame(says('6'), 2)
    const ended = machine.frame(key('clear_digit'), 3)
    expect(ended.finished).toEqual([[1, { outcome: 'clear_digits', content_hash: 'abc' }]])
    expect(ended.labels).toEqual(['off'])
  })

  it('never sends a prompt twice', () => {
    const machine = ready()
    machine.command(1, prompt, 1)
    const late = machine.timer(2000)
    expect(late.finished).toEqual([[1, { outcome: 'unknown', content_hash: 'abc' }]])
    expect(late.labels).toEqual(['off'])
  })

  it('gives every prompt one outcome and nothing in the clear, whatever comes', () => {
    const answers = ['5', '6', information, `70004${block}`, '\xee', '\xe1', 'x'.repeat(9)]
    const event = fc.oneof(
      fc.constantFrom(...answers).map((text) => ({ do: 'frame', frame: says(text) }) as const),
      fc
        .constantFrom('masked', 'enter', 'cancel', 'clear_digit')
        .map((name) => ({ do: 'frame', frame: key(name as 'masked') }) as const),
      fc.constantFrom('timer', 'up', 'down', 'prompt', 'cancel').map((what) => ({ do: what })),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const machine = stepper(pinPad)
        let up = false
        let ids = 0
        const finished: number[] = []
        const take = (done: { finished: [number, unknown][]; dropped: boolean }) => {
          finished.push(...done.finished.map(([id]) => id))
          if (done.dropped) {
            up = false
            finished.push(...machine.disconnect(0).finished.map(([id]) => id))
          }
        }
        for (const one of events) {
          if ('frame' in one) {
            if (up) take(machine.frame(one.frame as Zt588Frame, 0))
          } else if (one.do === 'timer') take(machine.timer(0))
          else if (one.do === 'prompt') take(machine.command(++ids, prompt, 0))
          else if (one.do === 'cancel') take(machine.command(++ids, { command: 'cancel' }, 0))
          else if ((one.do === 'up') !== up) {
            up = !up
            take(up ? machine.connect(0) : machine.disconnect(0))
          }
          expect(JSON.stringify(machine.state)).not.toContain(block)
        }
        if (up) take(machine.disconnect(0))
        expect(finished.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: ids }, (_, i) => i + 1),
        )
      }),
      { numRuns: 1000 },
    )
  })
})
