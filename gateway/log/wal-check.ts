/**
 * Whether SQLite's write-ahead file lost commits in its middle. SQLite itself takes the first frame
 * that does not fit for the end and says nothing, as a torn last commit looks the same. But a commit
 * begins only once the one before it is synced: two commits behind a broken frame cannot be torn
 * writes, so the file was damaged and records that were acknowledged are gone.
 *
 * Bytes as in https://www.sqlite.org/fileformat2.html#walformat. Reads only.
 */
import { existsSync, readFileSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682

/** `wal` is the path of the write-ahead file; one that is absent, empty or all zeros lost nothing. */
export function walLostCommits(wal: string): boolean {
  if (!existsSync(wal)) return false
  const bytes = readFileSync(wal)
  if (bytes.length < HEADER_BYTES + FRAME_HEADER_BYTES) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const bigEndian = (view.getUint32(0) & 1) === 1
  const sum = summer(view, !bigEndian)
  const first = sum([0, 0], 0, 24)
  const whole = (view.getUint32(0) & ~1) === MAGIC && sameSum(view, 24, first)
  // It is synced before any frame is written; before the first one, there is room and nothing in it.
  if (!whole) return bytes.some((byte) => byte !== 0)
  return commitsBehind(view, first, sum) >= 2
}

type Sum = readonly [number, number]
type Summer = (from: Sum, start: number, end: number) => Sum

/** Commit frames of this generation at or behind the first frame that does not fit. */
function commitsBehind(view: DataView, first: Sum, sum: Summer): number {
  const size = FRAME_HEADER_BYTES + view.getUint32(8)
  let last = first
  let broken = false
  let commits = 0
  for (let at = HEADER_BYTES; at + size <= view.byteLength; at += size) {
    const ours =
      view.getUint32(at + 8) === view.getUint32(16) &&
      view.getUint32(at + 12) === view.getUint32(20)
    if (!broken) {
      last = sum(sum(last, at, at + 8), at + FRAME_HEADER_BYTES, at + size)
      broken = !ours || !sameSum(view, at + 16, last)
    }
    if (broken && ours && view.getUint32(at + 4) !== 0) commits++
  }
  return commits
}

function sameSum(view: DataView, at: number, [a, b]: Sum): boolean {
  return view.getUint32(at) === a && view.getUint32(at + 4) === b
}

function summer(view: DataView, littleEndian: boolean): Summer {
  return ([a, b], start, end) => {
    let [x, y] = [a, b]
    for (let at = start; at < end; at += 8) {
      x = (x + view.getUint32(at, littleEndian) + y) >>> 0
      y = (y + view.getUint32(at + 4, littleEndian) + x) >>> 0
    }
    return [x, y]
  }
}
