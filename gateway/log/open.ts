/**
 * Opens a hall's log in its folder and leaves it whole: begins the first epoch, sets a damaged file
 * aside and goes on behind what could be verified, notices a missing file. Nothing is ever deleted
 * but a half-written copy of our own.
 *
 * Faults: `log_locked`, `commit_failed`, `disk_full`.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isFault } from '#devices/std/fault.ts'
import { type BeginOptions, type Found, isWhole, logOver, openWhole, recoverInto } from './begin.ts'
import { type Salvage, salvage } from './check.ts'
import type { HallLog } from './hall-log.ts'
import { type Damaged, mendedCopy } from './mend-file.ts'
import { syncFolder } from './slot-file.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { LogStore } from './store.ts'
import { LOG_FILE } from './usable-folder.ts'
import { walLostCommits } from './wal-check.ts'

export { LOG_FILE }

export type OpenOptions = BeginOptions & {
  folder: string
  /** Names a file set aside; from the clock, so that several stand side by side. */
  asideName: string
  durable?: boolean
}

export function openHallLog(options: OpenOptions): { log: HallLog; found: Found } {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  const file = join(options.folder, LOG_FILE)
  finishSettingAside(file, options)
  if (!existsSync(file)) return openWhole(openSqliteStore(file, options), options)
  // What is set aside together bears one name.
  const aside = asideOf(file, options)
  const lost = walLostCommits(`${file}-wal`)
  // Opening the file is the end of what SQLite does not take from it.
  if (lost) copyFileSync(`${file}-wal`, `${aside}-wal`)
  const mended = lost ? readMended({ file, wal: `${file}-wal` }) : null
  const store = openOrNull(file, options)
  // A crash between making the file and its first epoch leaves an empty one: that is whole.
  if (store !== null && !lost && isWhole(store)) return openWhole(store, options)
  const found = store === null ? nothingReadable : salvage(store)
  attempt(() => store?.close())
  const wal = existsSync(`${file}-wal`) ? `${file}-wal` : null
  const best = fullest(found, mended ?? readMended({ file, wal }))
  return recover({ file, aside, found: best }, options)
}

/** What is left of a file that SQLite does not open, or of which it leaves commits unread. */
function readMended(damaged: Damaged): Salvage {
  const [copy, template] = [`${damaged.file}.mended`, `${damaged.file}.template`]
  try {
    for (const one of [copy, template]) removeDatabase(one)
    openSqliteStore(template).close()
    mendedCopy(damaged, copy, template)
    const store = openSqliteStore(copy)
    const found = salvage(store)
    store.close()
    return found
  } catch {
    return nothingReadable
  } finally {
    for (const one of [copy, template]) removeDatabase(one)
  }
}

/** Both are read from the same file: the one with more rows that can be believed. */
function fullest(plain: Salvage, mended: Salvage): Salvage {
  const sound = ({ good }: Salvage) => good.reduce((sum, { rows }) => sum + rows.length, 0)
  const all = (one: Salvage) => sound(one) + one.beyond.length
  return all(mended) > all(plain) ? mended : plain
}

/** Never the name of one that is there: a clock without a battery tells the same time again. */
function asideOf(file: string, { asideName }: OpenOptions): string {
  for (let n = 1; ; n++) {
    const aside = `${file}.damaged-${asideName}${n === 1 ? '' : `-${n}`}`
    if (!SUFFIXES.some((suffix) => existsSync(aside + suffix))) return aside
  }
}

/** A crash while a damaged file was being set aside: the copy is complete once the old one is gone. */
function finishSettingAside(file: string, options: OpenOptions): void {
  const copy = `${file}.new`
  if (existsSync(file) && statSync(file).size > 0) {
    removeDatabase(copy)
    return
  }
  // What belonged to a file that is gone must not be taken for a part of the next one.
  moveDatabase(file, asideOf(file, options))
  if (existsSync(copy)) moveDatabase(copy, file)
}

function openOrNull(file: string, options: OpenOptions): LogStore | null {
  try {
    return openSqliteStore(file, options)
  } catch (error) {
    if (isFault(error, 'log_damaged')) return null
    throw error
  }
}

/** Makes a sound file beside the damaged one, then lets the two change places. */
function recover(
  { file, aside, found }: { file: string; aside: string; found: Salvage },
  options: OpenOptions,
): { log: HallLog; found: Found } {
  const copy = `${file}.new`
  removeDatabase(copy)
  recoverInto(openSqliteStore(copy, options), found, options).close()
  moveDatabase(file, aside)
  syncFolder(options.folder)
  moveDatabase(copy, file)
  syncFolder(options.folder)
  return { log: logOver(openSqliteStore(file, options), options), found: 'damaged' }
}

const nothingReadable: Salvage = { good: [], damage: null, beyond: [], meta: {} }

const SUFFIXES = ['', '-wal', '-shm']

/** The file itself first: without it, what is left behind by a crash is known for a left-over. */
function moveDatabase(from: string, to: string): void {
  for (const suffix of SUFFIXES) {
    // Copied before SQLite opened it: what it left of it since does not take its place.
    const target = existsSync(to + suffix) ? `${to}-left${suffix}` : to + suffix
    if (existsSync(from + suffix)) renameSync(from + suffix, target)
  }
}

function removeDatabase(file: string): void {
  for (const suffix of SUFFIXES) rmSync(file + suffix, { force: true })
}

function attempt(work: () => void): void {
  try {
    work()
  } catch {
    // A damaged database may refuse even to close; the file is moved all the same.
  }
}
