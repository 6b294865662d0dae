/** No card in anything the kit gives out, whatever the reader does wrong; and what it gives away is usable. */
import { describe, expect, it } from 'vitest'
import { fromHex } from '#devices/std/bytes.ts'
import { decodeCardText, warningsOf } from '#devices/wire/id-card-text.ts'
import { createReplyDeframer } from '#devices/wire/sam.ts'
import { canariesOf, cardOf } from '../../firmware-sim/people/cards.ts'
import { readerFaults } from '../../firmware-sim/wrongs/sam.ts'
import { tryOut } from './bench-fixture.ts'
import { tracesOf } from './traces.ts'

/** The card the simulated hands lay. */
const canaries = canariesOf(cardOf('sim', 1))

describe('a card laid on the bench', () => {
  it.each([[], ...Object.keys(readerFaults).map((fault) => [fault])])(
    'is in no report and no contribution (%s)',
    async (fault) => {
      const faults = fault === undefined ? {} : { [fault]: 1 }
      const { report, html, contribution } = await tryOut('id_card_reader', { faults })
      const given = [report, html, JSON.stringify(contribution)].join('\n')
      expect(tracesOf(canaries, given)).toEqual([])
    },
  )

  it('would be found if it were there', () => {
    const [name = ''] = canaries
    const hidden = Buffer.from(name, 'utf16le')
      .toString('hex')
      .toUpperCase()
      .match(/../g)!
      .join(' ')
    expect(tracesOf(canaries, `came ${hidden}`)).not.toEqual([])
    expect(tracesOf(canaries, JSON.stringify({ name }))).not.toEqual([])
  })
})

describe('a contribution', () => {
  it('has frames that read as cards of nobody, the same for the same, with checksums made again', async () => {
    const { contribution } = await tryOut('id_card_reader')
    const reads = contribution.exchanges.filter(({ name }) => name === 'read').slice(1)
    expect(reads).toHaveLength(2)
    const texts = reads.map(({ came }) => {
      const { frames, discarded } = createReplyDeframer().push(fromHex(came))
      expect(discarded).toEqual([])
      const { text } = decodeCardText(frames[0]!.data.subarray(4, 260))
      expect(warningsOf(text)).toEqual([])
      expect(frames[0]!.data.subarray(260).every((byte) => byte === 0)).toBe(true)
      return text
    })
    expect(texts[0]!.name).toMatch(/^合成卡/)
    expect(texts[1]).toEqual(texts[0])
  })

  it('keeps what the device does wrongly', async () => {
    const { contribution } = await tryOut('id_card_reader', { faults: { wrong_checksum: 1 } })
    const status = contribution.exchanges.find(({ name }) => name === 'status')!
    expect(status.came).toBe('AA AA AA 96 69 00 04 00 00 90 CE')
  })

  it('holds no PIN block and no key pressed', async () => {
    for (const faults of [{}, { clear_digits: 1 }]) {
      const { contribution, report } = await tryOut('pin_pad', { faults })
      const given = JSON.stringify(contribution) + report
      expect(given).not.toContain('31 32 33')
      expect(given).not.toContain('123456')
      const block = contribution.exchanges.find(({ name }) => name === 'block')
      const shape = block === undefined ? '' : Buffer.from(fromHex(block.came)).toString('latin1')
      if (!('clear_digits' in faults))
        expect(shape).toContain(`7${'0'.repeat(2)}06${'0'.repeat(16)}`)
    }
  })
})
