import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { segmentLines } from '../../cloud/intake/chain.ts'
import { SEGMENT_BYTES_MAX } from '../../cloud/intake/limits.ts'
import { crcsOf, segmentRuns, withLineFeeds } from '../../cloud/intake/segment-bytes.ts'

const text = fc.string({ minLength: 1, maxLength: 12 }).map((s) => s.replaceAll('\n', '_'))

/** Where a payload may lie: in the message as it came, or in memory of its own. */
function laid(texts: readonly string[], loose: readonly boolean[], ended: boolean): Uint8Array[] {
  const message = new TextEncoder().encode(`header\n${texts.join('\n')}${ended ? '\n' : ''}`)
  let at = 'header\n'.length
  return texts.map((one, i) => {
    const length = new TextEncoder().encode(one).length
    const payload = message.subarray(at, at + length)
    at += length + 1
    return loose[i] === true ? new Uint8Array([7, ...payload, 9]).subarray(1, -1) : payload
  })
}

describe('the bytes of a segment', () => {
  it('are the lines of the records, wherever each of them lies', () => {
    const all = fc.tuple(fc.array(text, { minLength: 1 }), fc.array(fc.boolean()), fc.boolean())
    fc.assert(
      fc.property(all, ([texts, loose, ended]) => {
        const payloads = laid(texts, loose, ended)
        const bytes = withLineFeeds(payloads)
        expect(Buffer.from(bytes).toString()).toBe(texts.map((one) => `${one}\n`).join(''))
        const crcs = Buffer.from(crcsOf(payloads))
        const sums = segmentLines(bytes).map((_, i) => crcs.readUInt32BE(i * 4))
        expect(sums).toEqual(texts.map((one) => crc32(one)))
      }),
    )
  })

  it('keep the order of records that lie in another order, or twice in one place', () => {
    const [a, b, c] = laid(['one', 'two', 'three'], [], true)
    const text = (...payloads: Uint8Array[]) => Buffer.from(withLineFeeds(payloads)).toString()
    expect(text(c!, b!)).toBe('three\ntwo\n')
    expect(text(a!, c!)).toBe('one\nthree\n')
    expect(text(b!, b!)).toBe('two\ntwo\n')
  })

  it('are cut between records into runs of a page, a longer record alone', () => {
    const length = fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 20_000 }))
    fc.assert(
      fc.property(fc.array(length, { minLength: 1, maxLength: 60 }), (lengths) => {
        const payloads = lengths.map((bytes) => new Uint8Array(bytes))
        const runs = [...segmentRuns(payloads)]
        expect(runs.flat()).toEqual(payloads)
        const sizes = runs.map((run) => run.reduce((sum, { length: of }) => sum + of + 1, 0))
        runs.forEach((run, i) => {
          expect(run.length).toBeGreaterThan(0)
          if (run.length > 1) expect(sizes[i]).toBeLessThanOrEqual(SEGMENT_BYTES_MAX)
          const first = runs[i + 1]?.[0]
          if (first !== undefined)
            expect(sizes[i]! + first.length + 1).toBeGreaterThan(SEGMENT_BYTES_MAX)
        })
      }),
    )
  })

  it('are not copied where the records lie as one message brought them', () => {
    const payloads = laid(['one', 'two'], [], true)
    expect(withLineFeeds(payloads).buffer).toBe(payloads[0]!.buffer)
  })
})
