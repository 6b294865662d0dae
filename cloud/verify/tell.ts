/** The words of what is wrong with a stored segment, with its place as members for programs. */
import { crc32 } from 'node:zlib'
import type { Change } from './crc-places.ts'
import type { Finding, Findings } from './findings.ts'
import { crcsIn, spansOf, type Wrong } from './mend.ts'
import type { StoredSegment } from './rows.ts'

/** A column says `is`, and `by` is what `why` says it should. */
export type Otherwise = { is: unknown; by: unknown; why: string }

export class Teller {
  readonly #hall: string
  readonly #findings: Findings

  constructor(hall: string, findings: Findings) {
    this.#hall = hall
    this.#findings = findings
  }

  epoch(epoch: string, text: string): void {
    this.#add('epoch', text, { epoch })
  }

  /** A column of the segment's row was changed. */
  column(stored: StoredSegment, column: string, { is, by, why }: Otherwise): void {
    this.#add('segment', `${column} is ${is}, by ${why} ${by}`, rangeOf(stored))
  }

  chain(stored: StoredSegment, text: string): void {
    this.#add('chain', text, rangeOf(stored))
  }

  gone(stored: StoredSegment, records: number): void {
    this.chain(stored, `is behind ${records} record${records === 1 ? '' : 's'} that are not there`)
  }

  /** A change of bytes that explains what is wrong; `proved` by the chain, else only by a sum. */
  bytes(
    stored: StoredSegment,
    of: { change: Change; wrongs: readonly Wrong[]; proved: boolean },
  ): void {
    const { at, is, was } = of.change
    const wrong = of.wrongs.find(({ from, to }) => from <= at && at <= to)
    const start = wrong?.from ?? 0
    const seq = stored.first + (wrong?.index ?? 0)
    const where = `byte ${at - start} of the record`
    const how = of.proved ? 'the chain proves it' : 'by its sum, the chain does not prove it'
    this.#add('bytes', `is ${shown(is)}, was ${shown(was)}: ${where}; ${how}`, {
      ...{ epoch: stored.epoch, seq, byte: at, byte_to: at + is.length - 1 },
      record_byte: at - start,
      ...{ is: is.toString('hex'), was: was.toString('hex') },
    })
  }

  /** A record that misses its sum, where no reading of the segment fits its chain. */
  record(stored: StoredSegment, wrong: Wrong): void {
    const { index, from, to, how, bytes } = wrong
    const [change, another] = bytes
    if (change !== undefined && another === undefined) {
      this.bytes(stored, { change, wrongs: [wrong], proved: false })
      return
    }
    const at = { epoch: stored.epoch, seq: stored.first + index, byte: from, byte_to: to - 1 }
    if (how === 'gone') this.#add('bytes', 'is gone from its segment', { ...at, byte_to: from })
    else if (how === 'added') this.#add('bytes', 'is a line that no record had', at)
    else this.#add('bytes', `is not the text that was hashed${printed(stored, wrong)}`, at)
  }

  whole(stored: StoredSegment, right: boolean): void {
    const at = { ...rangeOf(stored), byte: 0, byte_to: stored.bytes.length - 1 }
    const lines = spansOf(stored.bytes).length
    const counted = lines === stored.last - stored.first + 1 ? '' : `, ${lines} lines`
    const sums = right ? ', though every record gives its sum' : ', and its sums are of no use'
    this.#add('bytes', `do not give the hash stored for them${counted}${sums}`, at)
  }

  sums(stored: StoredSegment, { sums, records }: { sums: number; records: number }): void {
    this.#add('crcs', `are ${sums} for ${records} records; their chain fits`, rangeOf(stored))
  }

  /** The text gives the chain but not its sum. */
  sum(stored: StoredSegment, { index, from, to, bytes }: Wrong): void {
    const is = crcsIn(stored.crcs)[index]
    const by = crc32(stored.bytes.subarray(from, to))
    const text =
      `is ${hex8(is)}, by the record ${hex8(by)}; the chain fits the record, so the sum was ` +
      'changed, or text and chain from here on were'
    const change = bytes.length === 1 ? ` (then at byte ${bytes[0]!.at})` : ''
    this.#add('crcs', text + change, { epoch: stored.epoch, seq: stored.first + index })
  }

  #add(what: Finding['what'], text: string, at: Partial<Finding>): void {
    const range = at.seq === undefined ? '' : ` record ${at.seq}${to(at.seq_to, at.seq)}`
    const bytes = at.byte === undefined ? '' : ` byte ${at.byte}${to(at.byte_to, at.byte)}`
    const which = `${at.epoch}${range}${bytes}`
    this.#findings.add({ hall: this.#hall, what, which, text, ...at })
  }
}

const rangeOf = ({ epoch, first, last }: StoredSegment) => ({ epoch, seq: first, seq_to: last })

const to = (end: number | undefined, start: number) =>
  end === undefined || end <= start ? '' : ` to ${end}`

const hex8 = (sum: number | undefined) => sum?.toString(16).padStart(8, '0')

/** Bytes as a person reads them: the text where it is plain, and always the hex. */
function shown(bytes: Buffer): string {
  const plain = bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
  return plain
    ? `${JSON.stringify(bytes.toString('latin1'))} (${bytes.toString('hex')})`
    : bytes.toString('hex')
}

/** Where a text stops being what a program prints; nothing where it is well printed. */
function printed({ bytes }: StoredSegment, { from, to: end }: Wrong): string {
  const line = bytes.subarray(from, end)
  const text = line.toString('utf8')
  const at = (offset: number) => `, from byte ${from + offset} on no text that programs print`
  if (!Buffer.from(text).equals(line)) return at(firstDifference(line, Buffer.from(text)))
  try {
    const again = JSON.stringify(JSON.parse(text))
    return again === text ? '' : at(firstDifference(line, Buffer.from(again)))
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))
    const chars = position === null ? text.length : Number(position[1])
    return at(Buffer.byteLength(text.slice(0, chars)))
  }
}

function firstDifference(a: Buffer, b: Buffer): number {
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return i
}
