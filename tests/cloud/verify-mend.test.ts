/** Which byte of a segment was changed, told by sums and chain alone. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crcsOf, withLineFeeds } from '../../cloud/intake/segment-bytes.ts'
import { changesBehind } from '../../cloud/verify/crc-places.ts'
import { fitOf, hashesOf } from '../../cloud/verify/fit.ts'
import { wrongRecords } from '../../cloud/verify/mend.ts'
import type { StoredSegment } from '../../cloud/verify/rows.ts'
import { busyLog } from './busy-log.ts'

const [{ texts }] = busyLog(3)

function stored(lines: readonly string[]): StoredSegment {
  const payloads = lines.map((line) => new TextEncoder().encode(line))
  const bytes = Buffer.from(withLineFeeds(payloads))
  const prev = '0'.repeat(64)
  const hash = hashesOf(bytes, prev).at(-1)!
  const row = { place: 1, epoch: 'e', first: 1, last: lines.length, prev, hash }
  return { ...row, bytes, crcs: Buffer.from(crcsOf(payloads)) }
}

const alone = { before: null, behind: null }
const segment = stored(texts)
const at = fc.nat(segment.bytes.length - 1)
const xor = fc.integer({ min: 1, max: 255 })

function withChange(of: StoredSegment, change: number, by: Buffer): StoredSegment {
  const bytes = Buffer.from(of.bytes)
  bytes.set(by, change)
  return { ...of, bytes }
}

describe('the readings of a changed segment', () => {
  it('hold the text as it was, whichever byte was changed into whatever', () => {
    fc.assert(
      fc.property(at, xor, (byte, change) => {
        const is = Buffer.from([segment.bytes[byte]! ^ change])
        const now = withChange(segment, byte, is)
        const fit = fitOf(now, alone, wrongRecords(now))
        expect(fit?.bytes.equals(segment.bytes)).toBe(true)
        const was = Buffer.from([segment.bytes[byte]!])
        expect(fit?.changes).toEqual([{ at: byte, is, was }])
      }),
      { numRuns: 2_000 },
    )
  })

  it('hold the text as it was where one byte of each of two records was changed', () => {
    fc.assert(
      fc.property(at, at, xor, (one, two, change) => {
        const line = (byte: number) =>
          segment.bytes.subarray(0, byte).filter((b) => b === 10).length
        fc.pre(line(one) !== line(two) && segment.bytes[one] !== 10 && segment.bytes[two] !== 10)
        let now = segment
        for (const byte of [one, two]) {
          const is = segment.bytes[byte]! ^ change
          fc.pre(is !== 10)
          now = withChange(now, byte, Buffer.from([is]))
        }
        const fit = fitOf(now, alone, wrongRecords(now))
        expect(fit?.bytes.equals(segment.bytes)).toBe(true)
      }),
    )
  })

  it('are none where the change reaches over more than four bytes', () => {
    const now = withChange(segment, 40, Buffer.from('wrong!'))
    expect(fitOf(now, alone, wrongRecords(now))).toBe(null)
    expect(wrongRecords(now)).toMatchObject([{ index: 0, from: 0, how: 'changed' }])
  })

  it('hold a number changed into another of up to four digits, also in a long record', () => {
    const long = stored([JSON.stringify({ pad: '厅'.repeat(8_000), amount_fen: 1234 }), '{}'])
    const byte = long.bytes.indexOf('1234')
    const now = withChange(long, byte, Buffer.from('9876'))
    const fit = fitOf(now, alone, wrongRecords(now))
    expect(fit?.changes).toMatchObject([{ at: byte, was: Buffer.from('1234') }])
  })
})

describe('a sum', () => {
  it('tells changes that each give it, at every place where there is one', () => {
    const text = segment.bytes.subarray(0, 300)
    const changes = changesBehind(text, 0x1234_5678)
    expect(changes.length).toBeGreaterThan(290)
    for (const { at, is, was } of changes) {
      const before = Buffer.from(text)
      expect(before.subarray(at, at + is.length)).toEqual(is)
      before.set(was, at)
      expect(crc32(before)).toBe(0x1234_5678)
    }
  })
})
