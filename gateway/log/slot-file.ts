/**
 * A small text in a file that is written over in place, with one sync: two slots take turns, each a
 * line with its number and a sum, so that a write torn by a power cut leaves the other one. Making a
 * new file and renaming it would cost three syncs, and a ticket waits for this.
 *
 * Not for many writers. Throws the system's errors.
 */
import { hash } from 'node:crypto'
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '#devices/std/assert.ts'

/** Bytes of a slot; a text is at most this long, with its number, its sum and the line's end. */
const SLOT_BYTES = 16 * 1_024
const OWNER_ONLY = 0o600

type Slot = { turn: number; text: string; index: 0 | 1 }

export class SlotFile {
  readonly #file: string
  /** As it is on disk; undefined where that is not known. */
  #newest: Slot | null | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** The text written last, or null where there is none that is whole. */
  read(): string | null {
    this.#newest = newestOf(this.#file)
    return this.#newest?.text ?? null
  }

  /** On disk when it returns. */
  write(text: string): void {
    const newest = this.#newest === undefined ? newestOf(this.#file) : this.#newest
    this.#newest = undefined
    const turn = (newest?.turn ?? 0) + 1
    const line = Buffer.from(`${turn} ${sumOf(turn, text)} ${text}\n`)
    assert(line.length <= SLOT_BYTES, 'the text fits into a slot')
    const index = newest?.index === 0 ? 1 : 0
    if (newest === null) makeFile(this.#file, line)
    else writeOver(this.#file, line, index * SLOT_BYTES)
    this.#newest = { turn, text, index }
  }
}

function writeOver(file: string, line: Uint8Array, at: number): void {
  const fd = openSync(file, 'r+')
  try {
    writeSync(fd, line, 0, line.length, at)
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** In its full length at once: a write that makes a file longer costs more, and can find no room. */
function makeFile(file: string, line: Uint8Array): void {
  const bytes = Buffer.alloc(2 * SLOT_BYTES, ' ')
  bytes.set(line, 0)
  const beside = `${file}.new`
  const fd = openSync(beside, 'w', OWNER_ONLY)
  try {
    writeFileSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(beside, file)
  syncFolder(dirname(file))
}

export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function newestOf(file: string): Slot | null {
  const bytes = readOrNull(file)
  if (bytes?.length !== 2 * SLOT_BYTES) return null
  const [first, second] = [slotOf(bytes, 0), slotOf(bytes, 1)]
  if (first === null || second === null) return first ?? second
  return first.turn > second.turn ? first : second
}

function readOrNull(file: string): Buffer | null {
  try {
    return readFileSync(file)
  } catch {
    return null
  }
}

function slotOf(bytes: Buffer, index: 0 | 1): Slot | null {
  const slot = bytes.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES)
  const end = slot.indexOf('\n')
  const found = /^(\d{1,15}) ([0-9a-f]{64}) (.*)$/s.exec(slot.toString('utf8', 0, Math.max(end, 0)))
  if (found === null) return null
  const [, turn, sum, text] = found
  return sumOf(Number(turn), text!) === sum ? { turn: Number(turn), text: text!, index } : null
}

const sumOf = (turn: number, text: string): string => hash('sha256', `${turn} ${text}`)
