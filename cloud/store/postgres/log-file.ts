/**
 * The server's own log, bounded: the server outlives controllers and only ever appends, so the file
 * is copied aside and emptied in place when it is over its limit. What is lost is a few lines.
 */
import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from 'node:fs'

/** One file and one older copy of it, each at most about this large. */
const limit_bytes = 8 * 1024 * 1024
const tail_bytes = 8 * 1024

/** Keeps the file under its limit; trouble here never troubles the database. */
export function boundLog(path: string): void {
  try {
    if (statSync(path).size <= limit_bytes) return
    copyFileSync(path, `${path}.1`)
    truncateSync(path, 0)
  } catch {}
}

export function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}

/** The last of what the server said since the file was `from` bytes long, to explain a failure. */
export function readSince(path: string, from: number): string {
  try {
    const start = Math.max(from, sizeOf(path) - tail_bytes)
    const file = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(tail_bytes)
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, tail_bytes, start))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
