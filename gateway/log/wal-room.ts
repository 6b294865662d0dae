/**
 * Room for SQLite's write-ahead file, made before it is needed. A commit that makes a file longer
 * costs the file system a second write, of where the new blocks lie; one into blocks that are there
 * costs the first alone. Between two checkpoints the file grows to the same size over and over, so
 * it is filled with zeros to that size once. To SQLite zeros are what lies behind the last commit.
 *
 * An economy only: whatever speaks against it, the log works the same without.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs'

/**
 * Of a new log. Each page of a commit costs two writes, so that a group of a hundred records takes
 * a quarter of those of SQLite's own 4 096, and a lone one hardly longer.
 */
export const PAGE_BYTES = 16_384
/** Pages at which SQLite copies the write-ahead file back. */
export const CHECKPOINT_PAGES = 250
/** The commit that reaches the checkpoint is still written whole, pages. */
const LAST_COMMIT_PAGES = 25
const FRAME_BYTES = 24 + PAGE_BYTES
export const WAL_ROOM_BYTES = 32 + (CHECKPOINT_PAGES + LAST_COMMIT_PAGES) * FRAME_BYTES
/** A disk with less than this many times the room keeps what it has. */
const SPARE_TIMES = 16
const STEP_BYTES = 256 * 1_024

/** Fills an empty write-ahead file. It holds no commit then: call it behind a checkpoint. */
export function makeWalRoom(wal: string): void {
  try {
    const { bavail, bsize } = statfsSync(wal)
    if (bavail * bsize < WAL_ROOM_BYTES * SPARE_TIMES) return
    const fd = openSync(wal, 'r+')
    try {
      fill(fd)
    } finally {
      closeSync(fd)
    }
  } catch {}
}

function fill(fd: number): void {
  const zeros = new Uint8Array(STEP_BYTES)
  try {
    for (let at = 0; at < WAL_ROOM_BYTES; at += STEP_BYTES) {
      writeSync(fd, zeros, 0, Math.min(STEP_BYTES, WAL_ROOM_BYTES - at), at)
    }
    fsyncSync(fd)
  } catch {
    ftruncateSync(fd, 0)
  }
}
