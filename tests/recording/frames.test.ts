/** What the frame views of pages say: command, length and status of each, and nothing of what is in one. */
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'
import type { FrameLabel } from '#devices/types/machine.ts'
import type { Deframer } from '#devices/wire/deframer.ts'
import { encodePrinterReply } from '#devices/wire/escpos.ts'
import { encodeFf68, ff68Commands } from '#devices/wire/ff68.ts'
import { encodeCardText } from '#devices/wire/id-card-text.ts'
import { encodeMdcReply } from '#devices/wire/mdc.ts'
import { encodeModbusReply } from '#devices/wire/modbus-rtu.ts'
import { encodePjlinkReply } from '#devices/wire/pjlink.ts'
import { cardData, encodeReply, newAddressData, replyOf } from '#devices/wire/sam.ts'
import { recordOf, toBase64 } from '#devices/wire/xfs4iot.ts'
import { blockText, encodeZt588 } from '#devices/wire/zt588.ts'
import { dressesOf, searchFor } from '../replay/canaries.ts'
import { canaryCards, canaryPatterns } from '../replay/canary-cards.ts'
import { record } from './support.ts'

const cards = canaryCards()
/** Eight characters that fit wherever a frame has room for some. */
const secret = 'QZX7VKW9'
const secretBytes = Buffer.from(secret)
const words = Array.from({ length: 4 }, (_, at) => secretBytes.readUInt16BE(at * 2))
const patterns = [...canaryPatterns(cards), ...dressesOf(secret)]
const search = searchFor(patterns)

const { text, photo, new_address } = cards[0]!
const message = (name: string, type: string, payload: object) =>
  recordOf(JSON.stringify({ header: { name, type, requestId: 1 }, payload }))

/** Frames full of what nobody may see. */
const frames: Record<string, Uint8Array[]> = {
  id_card_reader: [
    encodeReply(replyOf('success', cardData(encodeCardText(text), photo!))),
    encodeReply(replyOf('success', newAddressData(new_address!))),
  ],
  pin_pad: [
    encodeZt588(
      blockText('7', { track: 0, digits: 6, block: secretBytes.toString('hex').toUpperCase() }),
    ),
    encodeZt588(secret),
    Uint8Array.of(0x39),
  ],
  service_password_pad: [Buffer.from('\x82918273\x83', 'latin1')],
  ticket_printer: [encodePrinterReply({ reply: 'process_id', id: secretBytes.subarray(0, 4) })],
  hall_display: [
    encodePjlinkReply({ reply: 'answer', class: '1', command: 'NAME', parameter: secret }),
    encodeMdcReply({ id: 1, accepted: true, command: 0x0b, data: secretBytes }),
  ],
  xfs4iot: [
    message('CardReader.ReadRawData', 'completion', { track2: { data: toBase64(secretBytes) } }),
    message('Common.StatusChangedEvent', 'unsolicited', { said: secret }),
  ],
  ff68_pad: [encodeFf68({ address: 1, command: ff68Commands.key, data: secretBytes })],
  ff68_rater: [encodeFf68({ address: 1, command: ff68Commands.rating, data: secretBytes })],
  ...Object.fromEntries(
    ['call_pad', 'ticket_panel', 'rating_pad', 'counter_display'].map((type) => [
      type,
      [encodeModbusReply({ address: 1, function: 'read_input', values: words })],
    ]),
  ),
}

type Labelled = { deframer(): Deframer<unknown>; label(frame: unknown): FrameLabel }

describe('the label of a frame', () => {
  it.each(Object.keys(frames))('of %s says nothing of what is in it', (type) => {
    const known = deviceTypes[type as keyof typeof deviceTypes] as unknown as Labelled
    const { deframer, label } = known
    let labelled = 0
    for (const bytes of frames[type]!) {
      for (const frame of deframer().push(bytes).frames) {
        labelled += 1
        const shown = label(frame)
        expect(Object.keys(shown).sort()).toEqual(['command', 'length', 'status'])
        const said = JSON.stringify(shown)
        expect([said, search(Buffer.from(said))]).toEqual([said, []])
        // Neither bit by bit: no digit of a secret as a status.
        expect(said).not.toMatch(/918273|QZX|39/)
      }
    }
    expect(labelled).toBeGreaterThan(0)
  })

  it('is there for every type of this house', () => {
    expect(Object.keys(frames).every((type) => Object.hasOwn(deviceTypes, type))).toBe(true)
  })
})

it('fifty of them at most are kept, in both directions', async () => {
  const seen: { direction: string }[] = []
  await record('id_card_reader', {
    async use({ placed, until }) {
      await until('more than fifty', () => placed.view().counters.frames_in > 40)
      seen.push(...placed.view().frames)
    },
  })
  expect(seen).toHaveLength(50)
  expect(new Set(seen.map(({ direction }) => direction))).toEqual(new Set(['in', 'out']))
})
