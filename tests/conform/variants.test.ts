/** Faults like those the simulators plant, at other bytes and other moments: each is named all the same. */
import { describe, expect, it } from 'vitest'
import { fromHex } from '#devices/std/bytes.ts'
import { xor8 } from '#devices/std/crc.ts'
import { wrongInRead } from '../../gateway/conform/card-bytes.ts'
import { type OnBench, tryOut } from './bench-fixture.ts'
import {
  type Alter,
  automaticOffLine,
  before,
  blanksAs,
  clearsRead,
  deaf,
  displayReleases,
  emptied,
  found,
  isRead,
  left,
  looksForCard,
  type Meddle,
  mdcPanel,
  meanwhile,
  meddled,
  modbus,
  onWire,
  readsEvent,
  repeatedReleasesNext,
  sam,
  swapsAutomatic,
  swapsStatus2,
  takesAsAnswer,
  takesOtherBoot,
} from './wrong-wire.ts'

type Variant = [type: string, what: string, step: string, words: RegExp, alter: () => Alter]

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
        const again = read && looksForCard(asked) && ++looks === 3
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
    () => swapsAutomatic,
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

/** Wrong in one way while it is used so; the right one, used the same, passes. */
type Used = [
  type: string,
  what: string,
  step: string,
  words: RegExp,
  wrong: () => Meddle,
  on?: OnBench,
  right?: Meddle,
]

const mdc = {
  settings: { protocol: 'mdc', warm_ms: '0' },
  kit: { protocol: 'mdc' },
} satisfies OnBench
const ff68 = { settings: { repeat_ms: '50' } } satisfies OnBench
const cleared = /^fail: event latch cleared before acknowledgement/

const used: Used[] = [
  [
    'call_pad',
    'the latch cleared by the long read of the second event alone',
    'two_presses',
    cleared,
    () => clearsRead((event, words) => event === 2 && words === 12),
  ],
  [
    'call_pad',
    'the latch cleared by the short read of the second event alone',
    'two_presses',
    cleared,
    () => clearsRead((event, words) => event === 2 && words === 4),
  ],
  [
    'ticket_panel',
    'the latch cleared by the short read of the third event alone',
    'two_presses',
    cleared,
    () => clearsRead((event, words) => event === 3 && words === 4),
  ],
  [
    'call_pad',
    'an acknowledgement of another boot nonce accepted',
    'two_presses',
    /^fail: an acknowledgement of another boot nonce is accepted/,
    () => takesOtherBoot,
  ],
  [
    'call_pad',
    'the next event released by an acknowledgement repeated',
    'two_presses',
    /^fail: event latch cleared .*: the one before, repeated, released the next event/,
    () => repeatedReleasesNext,
  ],
  [
    'call_pad',
    'the latch cleared by a write to the display',
    'two_presses',
    /^fail: event latch cleared .*: a write to the display released it/,
    () => displayReleases,
  ],
  ...['call_pad', 'ticket_panel', 'rating_pad'].map(
    (type): Used => [
      type,
      'a latch that was there already cleared by its read, nobody there',
      'press',
      cleared,
      () => clearsRead(() => true),
      left(type === 'rating_pad' ? 'rate' : 'press'),
    ],
  ),
  [
    'id_card_reader',
    'the card found again after it lay there for 1.5 s',
    'find_while_lying',
    /^fail: find answers while the card stays/,
    () => () => {
      let read_ms = Number.POSITIVE_INFINITY
      return {
        said(reply, asked) {
          if (isRead(reply)) read_ms = Math.min(read_ms, performance.now())
          return looksForCard(asked) && performance.now() - read_ms > 1500 ? found : reply
        },
      }
    },
    { options: { silence_ms: 1000 } },
  ],
  [
    'hall_display',
    'an acknowledgement to what a broadcast sets, in a panel that is off',
    'broadcast_silent',
    /^fail: a broadcast was acknowledged/,
    () => mdcPanel(false, (data) => data.length > 0),
    mdc,
    mdcPanel(false, () => false),
  ],
  [
    'hall_display',
    'an acknowledgement to what a broadcast asks, in a panel that is on',
    'broadcast_silent',
    /^fail: a broadcast was acknowledged/,
    () => mdcPanel(true, (data) => data.length === 0),
    mdc,
    mdcPanel(true, () => false),
  ],
  [
    'ff68_pad',
    'the echo of the second key alone missed',
    'key_recall',
    /^fail: echo missing/,
    () => deaf((key) => key === 2),
    ff68,
  ],
  [
    'ff68_pad',
    'no echo taken, pressed by itself, nobody there',
    'echo_taken',
    /^fail: echo missing/,
    () => deaf(() => true),
    { ...ff68, ...left('press', 'next') },
  ],
  [
    'ff68_rater',
    'its own frame alone taken as answer',
    'answer_taken',
    /^fail: rating sum not lowered: only the rating itself is taken back/,
    () => takesAsAnswer((rating) => rating),
    ff68,
  ],
  [
    'ff68_rater',
    'only an answer whose sum is not lowered taken, pressed by itself, nobody there',
    'answer_taken',
    /^fail: rating sum not lowered: only an answer with the sum of the rating/,
    () => takesAsAnswer((rating, right) => right.with(-2, rating.at(-2)!)),
    { ...ff68, ...left('rate', '3') },
  ],
  [
    'ticket_printer',
    'paper end and cover swapped in status 2, the cover open, nobody there',
    'conditions_agree',
    /^fail: status 2 .*paper end \(5\) and cover open \(2\) are swapped/,
    () => () => ({ said: swapsStatus2 }),
    left('open_cover'),
  ],
  [
    'ticket_printer',
    'paper end and cover swapped in the automatic status, the cover open, nobody there',
    'conditions_agree',
    /^fail: in the automatic status .*are swapped/,
    () => automaticOffLine(fromHex('18 00 0F 00')),
    left('open_cover'),
    automaticOffLine(fromHex('38 00 00 00')),
  ],
]

describe.concurrent('a device that is wrong in its own way', () => {
  it.each(variants)('%s: %s', async (type, _what, step, words, alter) => {
    const { bad } = await tryOut(type, { onWire: onWire(alter()) })
    expect(bad[step]).toMatch(words)
  })

  it.each(used)('%s: %s', async (type, _what, step, words, wrong, on = {}) => {
    const { bad, results } = await tryOut(type, { ...on, onWire: meddled(wrong()) })
    expect(bad[step]).toMatch(words)
    expect(results.find(({ code }) => code === step)!.says.zh).toMatch(/[\u4e00-\u9fff]/)
  })

  it('fingerprint length little-endian is named as that', () => {
    const data = new Uint8Array(6 + 256 + 1024 + 512).fill(0x20)
    data.set([1, 0, 4, 0, 0, 2])
    expect(wrongInRead(data, 3)?.says.en).toMatch(/length of fingerprint is little-endian/)
    data.set([0, 3], 4)
    expect(wrongInRead(data, 3)?.says.en).toMatch(/^fingerprint length 00 03/)
  })
})

const echoes = ['key_next', 'repeats', 'echo_taken']
const allKeys = [...echoes, 'key_recall', 'key_rate', 'key_cancel', 'key_pause', 'key_no_show']

const pressed: [type: string, how: string, passes: string[], on: () => OnBench][] = [
  [
    'rating_pad',
    'with a rating latched before it is asked for one',
    ['press', 'acknowledged', 'prompt', 'rating_of_request', 'prompt_answered'],
    () =>
      before((hands) => {
        hands.rate!('4')
        // That would empty the latch.
        delete hands.power_cycle
      }),
  ],
  [
    'rating_pad',
    'with two ratings latched, nobody there',
    ['press', 'latch_holds', 'acknowledged', 'prompt'],
    () => ({
      attended: false,
      before(hands) {
        hands.rate!('4')
        hands.rate!('5')
      },
    }),
  ],
  [
    'ff68_pad',
    'with another key pressed meanwhile',
    allKeys,
    () => ({ ...ff68, ...meanwhile((hands) => hands.press!('pause')) }),
  ],
  [
    'ff68_pad',
    'with the same key pressed meanwhile, twice',
    allKeys,
    () => ({
      ...ff68,
      ...meanwhile((hands) => {
        hands.press!('next')
        hands.press!('next')
      }),
    }),
  ],
  [
    'ff68_pad',
    'with another key pressed before',
    allKeys,
    () => ({ ...ff68, ...before((hands) => hands.press!('cancel')) }),
  ],
  [
    'ff68_pad',
    'pressed by itself and again meanwhile, nobody there',
    [...echoes, 'show', 'beep'],
    () => ({
      ...ff68,
      attended: false,
      before(hands) {
        hands.press!('recall')
        hands.press!('recall')
        hands.press!('pause')
      },
    }),
  ],
  [
    'ff68_rater',
    'with the same key pressed meanwhile',
    ['rating', 'repeats', 'answer_taken'],
    () => ({ ...ff68, ...meanwhile((hands) => hands.rate!('1')) }),
  ],
  [
    'service_password_pad',
    'with another password typed meanwhile',
    ['password'],
    () => ({
      ...meanwhile((hands) => setTimeout(() => hands.type_password!('246802'), 100)),
      options: { silence_ms: 400 },
    }),
  ],
  [
    'service_password_pad',
    'typed at twice, nobody there',
    ['password'],
    () => ({
      attended: false,
      before(hands) {
        setTimeout(() => hands.type_password!('246802'), 100)
        setTimeout(() => hands.type_password!('135790'), 250)
      },
      options: { silence_ms: 400 },
    }),
  ],
]

describe.concurrent('a right device', () => {
  it.each(used)('%s used as one with this passes: %s', async (type, _what, step, ...rest) => {
    const [, , on = {}, right] = rest
    const wire = right === undefined ? {} : { onWire: meddled(right) }
    const { bad, results } = await tryOut(type, { ...on, ...wire })
    expect(bad).toEqual({})
    expect(results.find(({ code }) => code === step)!.verdict).toBe('pass')
  })

  it.each(pressed)('%s %s passes', async (type, _how, passes, on) => {
    const { bad, results } = await tryOut(type, on())
    expect(bad).toEqual({})
    const passed = results.filter(({ verdict }) => verdict === 'pass').map(({ code }) => code)
    expect(passed).toEqual(expect.arrayContaining(passes))
  })
})
