/** The stored log changed by hand: verification names what was changed, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../cloud/verify/findings.ts'
import { hashesOf } from '../../cloud/verify/fit.ts'
import { spansOf } from '../../cloud/verify/mend.ts'
import { type Booked, bookBusyLog, HALL } from './verify-fixture.ts'

type Stored = { place: number; epoch: string; first: number; bytes: Buffer }
let booked: Booked
let segments: Stored[]

beforeAll(async () => {
  booked = await bookBusyLog()
  const rows = await booked.query('select place, epoch, first, bytes from segment order by place')
  segments = rows.map(([place, epoch, first, bytes]) => ({
    ...{ place: Number(place), epoch: String(epoch), first: Number(first) },
    bytes: Buffer.from(bytes as Uint8Array),
  }))
})
afterAll(() => booked?.[Symbol.asyncDispose]())

/** What is found while a segment has other bytes. */
function findingsWith(segment: Stored, bytes: Buffer): Promise<Finding[]> {
  const sql = 'update segment set bytes = $1 where place = $2'
  return booked.findingsOf(sql, [bytes, segment.place])
}

function replaced(bytes: Buffer, at: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy.set(by, at)
  return copy
}

const records = () =>
  segments.flatMap((segment) =>
    spansOf(segment.bytes).map((span, i) => ({ ...span, segment, seq: segment.first + i })),
  )

/** Steady and without a pattern: of `n` things, one. */
const pick = (n: number, salt: number) => ((salt * 2_654_435_761) >>> 7) % n

describe('a byte of the log changed by hand', () => {
  it('is named in whatever record it is, and only it', async () => {
    for (const [i, { segment, seq, from, to }] of records().entries()) {
      if (i % 3 !== 0) continue
      const at = from + pick(to - from, i + 1)
      const was = segment.bytes[at]!
      const is = was ^ (1 + pick(255, i + 7))
      const findings = await findingsWith(segment, replaced(segment.bytes, at, Buffer.from([is])))
      const hex = (byte: number) => byte.toString(16).padStart(2, '0')
      expect(findings).toEqual([
        expect.objectContaining({
          ...{ hall: HALL, what: 'bytes', epoch: segment.epoch, seq },
          ...{ byte: at, record_byte: at - from, is: hex(is), was: hex(was) },
          text: expect.stringMatching(/the chain proves it/),
        }),
      ])
    }
  })

  it('is named where a line feed was lost or made', async () => {
    for (const { segment, seq, from, to } of records().filter((_, i) => i % 16 === 0)) {
      const lost = await findingsWith(segment, replaced(segment.bytes, to, Buffer.from(' ')))
      expect(lost).toMatchObject([{ what: 'bytes', seq, byte: to, is: '20', was: '0a' }])
      const at = from + pick(to - from, seq)
      const made = await findingsWith(segment, replaced(segment.bytes, at, Buffer.from('\n')))
      expect(made).toMatchObject([{ what: 'bytes', seq, byte: at, is: '0a' }])
    }
  })

  it('is named in each of several records of a segment', async () => {
    const [a, b, c] = records().slice(10, 13)
    const { segment } = a!
    let { bytes } = segment
    for (const { from } of [a!, b!, c!]) bytes = replaced(bytes, from + 30, Buffer.from('~'))
    const findings = await findingsWith(segment, bytes)
    expect(findings).toMatchObject(
      [a!, b!, c!].map(({ seq, from }) => ({ what: 'bytes', seq, byte: from + 30 })),
    )
  })

  it('is named with its neighbours where up to four were changed into other good text', async () => {
    const { segment, seq, from, to } = records().find((record) =>
      record.segment.bytes.toString('utf8', record.from, record.to).includes('12900'),
    )!
    const at = segment.bytes.indexOf('12900', from)
    expect(at).toBeLessThan(to)
    const findings = await findingsWith(segment, replaced(segment.bytes, at, Buffer.from('98100')))
    expect(findings).toMatchObject([
      { what: 'bytes', seq, byte: at, byte_to: at + 2, is: '393831', was: '313239' },
    ])
  })

  it('leaves the record and its range where more was changed', async () => {
    const { segment, seq, from, to } = records()[12]!
    const text = segment.bytes.toString('utf8', from, to)
    const at = from + text.indexOf('"wall_ms"')
    const findings = await findingsWith(
      segment,
      replaced(segment.bytes, at, Buffer.from('"well_mz"')),
    )
    expect(findings[0]).toMatchObject({ what: 'bytes', seq, byte: from, byte_to: to - 1 })
  })

  it('leaves the record and its range where the text became longer or shorter', async () => {
    for (const { segment, seq, from, to } of records().filter((_, i) => i % 40 === 3)) {
      for (const by of [Buffer.from('xy'), Buffer.alloc(0)]) {
        const parts = [segment.bytes.subarray(0, from + 9), by, segment.bytes.subarray(from + 10)]
        const findings = await findingsWith(segment, Buffer.concat(parts))
        const byte_to = to - 2 + by.length
        expect(findings[0]).toMatchObject({ what: 'bytes', seq, byte: from, byte_to })
      }
    }
  })

  it('names a record cut out of a segment, and a line put into one', async () => {
    const { segment, seq, from, to } = records()[12]!
    const { bytes } = segment
    const cut = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to + 1)])
    const [gone] = await findingsWith(segment, cut)
    expect(gone).toMatchObject({ seq, byte: from, text: expect.stringContaining('is gone') })
    const line = Buffer.from('{}\n')
    const more = Buffer.concat([bytes.subarray(0, from), line, bytes.subarray(from)])
    const [added] = await findingsWith(segment, more)
    expect(added).toMatchObject({ seq, byte: from, text: expect.stringContaining('no record') })
  })
})

describe("a column of the log's rows changed by hand", () => {
  const E1 = '1'.padStart(32, '0')
  const cases: [string, string, Partial<Finding>[]][] = [
    [
      'the sum of a record',
      'update segment set crcs = set_byte(crcs, 9, get_byte(crcs, 9) # 1) where place = 10',
      [{ what: 'crcs', epoch: E1, seq: 12 }],
    ],
    ['the number of sums', `update segment set crcs = '' where place = 10`, [{ what: 'crcs' }]],
    [
      'a hash',
      `update segment set hash = repeat('a', 64) where place = 10`,
      [{ what: 'segment', epoch: E1, seq: 10, text: expect.stringMatching(/^hash is a{64}, by/) }],
    ],
    [
      'the hash before',
      `update segment set prev = repeat('a', 64) where place = 10`,
      [{ what: 'segment', epoch: E1, seq: 10, text: expect.stringMatching(/^prev is a{64}, by/) }],
    ],
    [
      "an epoch's first hash before",
      `update segment set prev = repeat('a', 64) where first = 1`,
      [{ what: 'segment' }, { what: 'segment' }],
    ],
    [
      'the hash of the last segment',
      `update segment set hash = repeat('a', 64) where place = (select max(place) from segment)`,
      [{ what: 'segment', text: expect.stringMatching(/^hash is a{64}, by its records/) }],
    ],
    [
      'a first number',
      'update segment set first = 11 where place = 10',
      [{ what: 'segment', text: 'first is 11, by what is before it 10' }],
    ],
    [
      'a last number',
      'update segment set last = last + 1 where place = 10',
      [{ what: 'segment', text: 'last is 19, by its records 18' }],
    ],
    [
      'a place, to the end',
      'update segment set place = 1000 where place = 10',
      [{ what: 'segment', text: 'place is 1000, by what is before it 10' }],
    ],
    [
      'a place, to the beginning',
      'update segment set place = -3 where place = 10',
      [{ what: 'segment', text: 'place is -3, by what is before it 10' }],
    ],
    [
      'the first place',
      'update segment set place = 5 where place = 1',
      [{ what: 'segment', text: 'place is 5, by what is before it 1' }],
    ],
    [
      'the last place',
      'update segment set place = place + 1 where place = (select max(place) from segment)',
      [{ what: 'segment', text: expect.stringMatching(/^place is/) }],
    ],
    [
      'an epoch',
      `update segment set epoch = repeat('f', 32) where place = 10`,
      [{ what: 'segment', text: expect.stringMatching(/^epoch is f{32}, by what is before it/) }],
    ],
    [
      'the epoch of its first record',
      `update segment set epoch = repeat('f', 32) where place = 1`,
      [{ what: 'segment', text: expect.stringMatching(/^epoch is f{32}, by its first record/) }],
    ],
  ]
  it.each(cases)('is named, and only it: %s', async (_, sql, expected) => {
    const findings = await booked.findingsOf(sql)
    expect(findings).toMatchObject(expected)
    expect(findings).toHaveLength(expected.length)
  })

  it('is named together with a byte of the same segment', async () => {
    const findings = await booked.findingsOf(
      `update segment set hash = repeat('a', 64), prev = repeat('b', 64),
         bytes = set_byte(bytes, 700, get_byte(bytes, 700) # 1) where place = 10`,
    )
    expect(findings.map(({ what, text }) => `${what} ${text.split(' ')[0]}`)).toEqual([
      'segment prev',
      'bytes is',
      'segment hash',
    ])
    expect(findings[1]).toMatchObject({ byte: 700 })
  })

  it('is told by the sums where the chain was made anew for a changed text', async () => {
    const { place, bytes } = segments.at(-4)!
    const at = bytes.indexOf('"kind"') + 1
    const changed = replaced(bytes, at, Buffer.from('K'))
    const [row] = await booked.query(`select prev from segment where place = ${place}`)
    const hash = hashesOf(changed, String(row?.[0])).at(-1)
    const findings = await booked.findingsOf(
      'update segment set bytes = $1, hash = $2 where place = $3',
      [changed, hash, place],
    )
    expect(findings).toMatchObject([
      { what: 'bytes', byte: at, was: '6b', is: '4b' },
      { what: 'segment', text: expect.stringContaining(`hash is ${hash}, by its records`) },
    ])
  })

  it('is named as missing records where a segment is gone', async () => {
    const findings = await booked.findingsOf('delete from segment where place = 19')
    expect(findings[0]).toMatchObject({
      ...{ what: 'chain', epoch: E1, seq: 28 },
      text: 'is behind 9 records that are not there',
    })
  })

  it('leaves the tests above with a database that agrees', async () => {
    expect((await booked.verdict()).findings).toEqual([])
  })
})
