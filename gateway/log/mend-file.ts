/**
 * A copy of a damaged log file that SQLite opens once more, to read what is left of it. The first page
 * says what a file is and where its tables begin, and is the same in every log of ours: a new one
 * lends its own. From the write-ahead file SQLite takes nothing behind the first wrong sum; here its
 * pages are laid over the copy all the same. Whether a record is sound its chain decides anyway.
 *
 * Bytes as in https://www.sqlite.org/fileformat2.html. The damaged files are only read. Raises nothing
 * of its own; without room on the disk there is no copy.
 */
import { closeSync, copyFileSync, openSync, readFileSync, writeSync } from 'node:fs'
import { PAGE_BYTES } from './wal-room.ts'

const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
/** Offsets in the first page: how often the file changed, and at which change its size was noted. */
const CHANGES_AT = 24
const SIZE_NOTED_AT = 92

/** What is to be mended: `wal` null where SQLite takes all of it by itself, or there is none. */
export type Damaged = { file: string; wal: string | null }

/** `template` is a new, closed log of this version. */
export function mendedCopy({ file, wal }: Damaged, copy: string, template: string): void {
  copyFileSync(file, copy)
  const fd = openSync(copy, 'r+')
  try {
    const first = readFileSync(template).subarray(0, PAGE_BYTES)
    // Noted at another change: the size is that of the file then.
    first.writeUInt32BE(first.readUInt32BE(CHANGES_AT) + 1, SIZE_NOTED_AT)
    writeSync(fd, first, 0, first.length, 0)
    if (wal !== null)
      for (const { page, bytes } of pagesOf(readFileSync(wal))) {
        if (page > 1) writeSync(fd, bytes, 0, PAGE_BYTES, (page - 1) * PAGE_BYTES)
      }
  } finally {
    closeSync(fd)
  }
}

type Frame = { page: number; commits: boolean; round: string; bytes: Uint8Array }

/** The pages of the last round up to its last commit, in the order they were written. */
function pagesOf(wal: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = WAL_HEADER_BYTES; at + FRAME_BYTES <= wal.length; at += FRAME_BYTES) {
    frames.push({
      page: wal.readUInt32BE(at),
      commits: wal.readUInt32BE(at + 4) !== 0,
      round: wal.toString('hex', at + 8, at + 16),
      bytes: wal.subarray(at + FRAME_HEADER_BYTES, at + FRAME_BYTES),
    })
  }
  const round = roundOf(frames)
  // A round is written from the beginning on without a gap: one between others of it belongs to it.
  const end = frames.findLastIndex((frame) => frame.round === round && frame.commits) + 1
  // A number that was damaged itself would make a file without end.
  return frames.slice(0, end).filter(({ page }) => page > 0 && page <= MOST_PAGES)
}

/** Written first of all, so the first frames have it; one of them may be the damaged one. */
function roundOf([first, second, third]: readonly Frame[]): string | undefined {
  return second !== undefined && second.round === third?.round ? second.round : first?.round
}

/** 64 GiB: far above any quota. */
const MOST_PAGES = 2 ** 22
