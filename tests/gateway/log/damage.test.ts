/** The log's files damaged, cut, emptied, removed and put back: real bytes on a real disk. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LOG_FILE } from '../../../gateway/log/open.ts'
import { PAGE_BYTES } from '../../../gateway/log/wal-room.ts'
import { draw, seeded } from '../../sim/scheduler.ts'
import {
  closeLog,
  entries,
  entryOf,
  kinds,
  kiosks,
  logFile,
  newFolder,
  openLog,
  visited,
} from './folder.ts'

const RECORDS = 220
const receiptFor = (seq: number, hash: string, epoch: string) => ({
  ...{ v: 1 as const, gateway: 'gw-1', fence: 1, ledger: '1'.repeat(32), status: 'held' as const },
  ...{ epoch, seq, hash, diverged_at: null, rejected: [], echo: null, cloud_time_ms: 0 },
})

/** A log with a branch in it, a receipt, a snapshot and a pruned beginning. */
function busyFolder(): { folder: string; facts: string[]; files: () => void } {
  const folder = newFolder()
  const { log } = openLog(folder)
  log.append(entries(1, 100))
  const at = { epoch: log.status().epoch, seq: 60 }
  log.takeReceipt(receiptFor(60, log.hashOn(at)!, at.epoch), null)
  log.saveSnapshot({ epoch: at.epoch, seq: 55 }, '{"state":"of 55"}')
  expect(log.prune(Number.MAX_SAFE_INTEGER)).toBe(55)
  const split = { epoch: at.epoch, seq: 80 }
  const diverged = receiptFor(80, log.hashOn(split)!, at.epoch)
  log.takeReceipt({ ...diverged, status: 'diverged', diverged_at: 81 }, at)
  for (let n = 101; n <= RECORDS; n++) log.append([entryOf(visited(n, 'x'.repeat(n * 3)))])
  // Records 1 to 55 are pruned; the first of them was the epoch's own beginning.
  const facts = Array.from({ length: RECORDS - 54 }, (_, i) => `k${55 + i}`)
  expect(kiosks(log)).toEqual(facts)
  return { folder, facts, files: () => closeLog(log) }
}

function copyFolder(from: string, suffixes: readonly string[]): string {
  const folder = newFolder()
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(from, 'marks.json'), join(folder, 'marks.json'))
  for (const suffix of suffixes) {
    const file = logFile(from) + suffix
    if (existsSync(file)) copyFileSync(file, logFile(folder) + suffix)
  }
  return folder
}

const aside = (folder: string) =>
  readdirSync(folder).filter((name) => name.startsWith(`${LOG_FILE}.damaged-`))

/**
 * Opens what is there. Whatever happened to the file: nothing is told that was not recorded, what is
 * missing is said, the old file is kept, and the hall goes on.
 */
function survives(folder: string, facts: readonly string[], what: string): string {
  const { log, found } = openLog(folder)
  const held = kiosks(log)
  // What was pruned may come back with an older state of the file: the cloud holds it already.
  const known = new Set(Array.from({ length: RECORDS }, (_, i) => `k${i + 1}`))
  expect(
    held.filter((kiosk) => !known.has(kiosk)),
    `${what}: invented`,
  ).toEqual([])
  expect(new Set(held).size, `${what}: told twice`).toBe(held.length)
  if (found === 'whole') expect(held, `${what}: lost in silence`).toEqual(facts)
  else {
    expect(log.status().alarms.length, what).toBeGreaterThan(0)
    if (found === 'damaged') expect(aside(folder).length, `${what}: kept aside`).toBeGreaterThan(0)
    if (facts.some((kiosk) => !held.includes(kiosk)) && found !== 'restored')
      expect(kinds(log)).toContain('gap')
  }
  log.append(entries(900, 901))
  closeLog(log)
  const again = openLog(folder)
  expect(again.found, what).toBe('whole')
  expect(kiosks(again.log)).toEqual([...held, 'k900', 'k901'])
  closeLog(again.log)
  rmSync(folder, { recursive: true })
  return found
}

/** Changes a text wherever it stands in the file, pages out of use included. */
function rot(folder: string, from: string, to: string): void {
  const bytes = readFileSync(logFile(folder))
  let at = bytes.indexOf(from)
  expect(at).toBeGreaterThan(0)
  for (; at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at)
  writeFileSync(logFile(folder), bytes)
}

describe('one byte turned', () => {
  const flips = (name: string, closed: boolean, suffix: '' | '-wal', rounds: number) =>
    it(`${name}`, () => {
      const { folder, facts, files } = busyFolder()
      if (closed) files()
      // Behind its last commit the write-ahead file is all zeros, made ahead of use.
      const size = readFileSync(logFile(folder) + suffix).findLastIndex((byte) => byte !== 0) + 1
      const rng = seeded(20260105)
      const founds = new Map<string, number>()
      for (let i = 0; i < rounds; i++) {
        const copy = copyFolder(folder, closed ? [''] : ['', '-wal'])
        const path = logFile(copy) + suffix
        const bytes = readFileSync(path)
        const at = i < rounds / 4 ? draw.int(rng, 0, 199) : draw.int(rng, 0, size - 1)
        bytes[at]! ^= 1 << draw.int(rng, 0, 7)
        writeFileSync(path, bytes)
        const found = survives(copy, facts, `byte ${at} of ${size}`)
        founds.set(found, (founds.get(found) ?? 0) + 1)
      }
      // Not every byte matters, but most do.
      expect(founds.get('damaged') ?? 0).toBeGreaterThan(rounds / 3)
    })
  flips('in the file', true, '', 120)
  flips('in the write-ahead file of a process that was killed', false, '-wal', 80)
})

describe('what says how to read the rest', () => {
  const lostOf = (folder: string, facts: readonly string[]): string[] => {
    const { log } = openLog(folder)
    const held = new Set(kiosks(log))
    closeLog(log)
    return facts.filter((kiosk) => !held.has(kiosk))
  }

  it('any byte of the head of the file: every record is still there', () => {
    const { folder, facts, files } = busyFolder()
    files()
    for (let at = 0; at < 110; at++) {
      const copy = copyFolder(folder, [''])
      const bytes = readFileSync(logFile(copy))
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(logFile(copy), bytes)
      if (at % 8 === 0) survives(copyFolder(copy, ['']), facts, `byte ${at}`)
      expect(lostOf(copy, facts), `byte ${at}`).toEqual([])
    }
  })

  it('the whole first page: every record is still there', () => {
    const { folder, facts, files } = busyFolder()
    files()
    const bytes = readFileSync(logFile(folder))
    writeFileSync(logFile(folder), bytes.fill(0, 0, PAGE_BYTES))
    expect(lostOf(folder, facts)).toEqual([])
    expect(aside(folder)).toHaveLength(1)
  })

  it('any byte of the head of the write-ahead file or of its first frame but its page number', () => {
    const { folder, facts } = busyFolder()
    for (let at = 0; at < 56; at++) {
      if (at >= 32 && at < 36) continue
      const copy = copyFolder(folder, ['', '-wal'])
      const bytes = readFileSync(`${logFile(copy)}-wal`)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(`${logFile(copy)}-wal`, bytes)
      if (at % 8 === 0) survives(copyFolder(copy, ['', '-wal']), facts, `byte ${at}`)
      expect(lostOf(copy, facts), `byte ${at}`).toEqual([])
    }
  })

  it('leaves no copies behind', () => {
    const { folder, files } = busyFolder()
    files()
    const bytes = readFileSync(logFile(folder))
    writeFileSync(logFile(folder), bytes.fill(0, 0, PAGE_BYTES))
    closeLog(openLog(folder).log)
    expect(readdirSync(folder).filter((name) => /mended|template|new/.test(name))).toEqual([])
  })
})

describe('whole pieces gone', () => {
  it('cut short at many lengths', () => {
    const { folder, facts, files } = busyFolder()
    files()
    const size = readFileSync(logFile(folder)).length
    for (const part of [0.01, 0.2, 0.5, 0.7, 0.9, 0.999]) {
      const copy = copyFolder(folder, [''])
      truncateSync(logFile(copy), Math.floor(size * part))
      expect(survives(copy, facts, `cut at ${part}`)).not.toBe('whole')
    }
  })

  it.each([PAGE_BYTES, PAGE_BYTES / 2, 512])('a piece of %i bytes of zeros', (piece) => {
    const { folder, facts, files } = busyFolder()
    files()
    const pieces = readFileSync(logFile(folder)).length / piece
    for (let nth = 0; nth < pieces; nth++) {
      const copy = copyFolder(folder, [''])
      const bytes = readFileSync(logFile(copy))
      bytes.fill(0, nth * piece, (nth + 1) * piece)
      writeFileSync(logFile(copy), bytes)
      survives(copy, facts, `piece ${nth} of ${piece}`)
    }
  })

  it('the write-ahead file removed: noticed as far as the marks reach', () => {
    const { folder, facts } = busyFolder()
    const copy = copyFolder(folder, [''])
    expect(survives(copy, facts, 'no -wal')).not.toBe('whole')
  })

  it('the file empty or missing: the hall goes on, says so, and keeps what belonged to it', () => {
    const { folder } = busyFolder()
    for (const prepare of [
      (copy: string) => rmSync(logFile(copy)),
      (copy: string) => truncateSync(logFile(copy), 0),
    ]) {
      const copy = copyFolder(folder, ['', '-wal'])
      const wal = readFileSync(`${logFile(copy)}-wal`)
      prepare(copy)
      const { log, found } = openLog(copy)
      expect(found).toBe('missing')
      expect(log.status().alarms).toContain('log_missing')
      expect(kinds(log).slice(0, 2)).toEqual(['epoch.begun', 'gap'])
      const kept = aside(copy).find((name) => name.endsWith('-wal'))
      expect(kept, 'the write-ahead file may hold records').toBeDefined()
      expect(readFileSync(join(copy, kept!)).equals(wal)).toBe(true)
      closeLog(log)
    }
  })

  it('an older copy put back goes on behind the last receipt, in a new epoch', () => {
    const folder = newFolder()
    const first = openLog(folder)
    first.log.append(entries(1, 10))
    const { epoch, head } = first.log.status()
    first.log.takeReceipt(receiptFor(head.seq, head.hash, epoch), null)
    closeLog(first.log)
    const backup = readFileSync(logFile(folder))
    const second = openLog(folder)
    second.log.append(entries(11, 60))
    const now = second.log.status()
    second.marks.save({ v: 1, epoch, seq: now.head.seq, receipted: now.receipted, numbers: null })
    closeLog(second.log)
    writeFileSync(logFile(folder), backup)
    const third = openLog(folder)
    expect(third.found).toBe('restored')
    expect(third.log.status()).toMatchObject({ alarms: ['log_restored'], parent: { epoch } })
    expect(third.log.status().parent!.seq).toBe(head.seq)
    closeLog(third.log)
  })
})

it('a text that rotted is not told again; its neighbours are, and a rotten hash costs nothing', () => {
  const { folder, facts, files } = busyFolder()
  files()
  const copy = copyFolder(folder, [''])
  // Another purpose, still JSON: nothing but the chain can know.
  rot(copy, '"kiosk":"k77","purpose":"look"', '"kiosk":"k77","purpose":"looK"')
  const { log, found } = openLog(copy)
  expect(found).toBe('damaged')
  expect(kiosks(log)).toEqual(facts.filter((kiosk) => kiosk !== 'k77'))
  expect([...log.fold(null)].some(({ text }) => text?.includes('looK'))).toBe(false)
  closeLog(log)

  const other = copyFolder(folder, [''])
  const again = readFileSync(logFile(other))
  const held = openLog(copyFolder(folder, ['']))
  const place = held.log.path.at(-1)!
  const hash = Buffer.from(held.log.hashOn({ epoch: place.epoch, seq: 40 })!, 'hex')
  closeLog(held.log)
  again[again.indexOf(hash)]! ^= 1
  writeFileSync(logFile(other), again)
  const repaired = openLog(other)
  expect(repaired.found).toBe('damaged')
  expect(kiosks(repaired.log)).toEqual(facts)
  closeLog(repaired.log)
})

it('damaged twice within one second keeps both files whole, each under its own name', () => {
  const folder = newFolder()
  const asideName = '1970-01-01T000012'
  const spoilt: Buffer[] = []
  for (let round = 0; round < 3; round++) {
    const { log, found } = openLog(folder, { asideName })
    expect(found).toBe(round === 0 ? 'first' : 'damaged')
    log.append(entries(round * 100 + 1, round * 100 + 50))
    closeLog(log)
    const bytes = readFileSync(logFile(folder))
    expect(bytes.includes(`"k${round * 100 + 33}"`)).toBe(true)
    bytes[0]! ^= 1
    writeFileSync(logFile(folder), bytes)
    spoilt.push(bytes)
  }
  closeLog(openLog(folder, { asideName }).log)
  const names = ['', '-2', '-3'].map((nth) => `${LOG_FILE}.damaged-${asideName}${nth}`)
  expect(aside(folder).sort()).toEqual(names)
  for (const [i, name] of names.entries())
    expect(readFileSync(join(folder, name)).equals(spoilt[i]!), name).toBe(true)
})

it('what SQLite does not take from a write-ahead file stands whole beside its log, under its name', () => {
  const { folder } = busyFolder()
  const copy = copyFolder(folder, ['', '-wal'])
  const wal = readFileSync(`${logFile(copy)}-wal`)
  wal[Math.floor(wal.findLastIndex((byte) => byte !== 0) / 2)]! ^= 1
  writeFileSync(`${logFile(copy)}-wal`, wal)
  const { log, found } = openLog(copy, { asideName: 'then' })
  expect(found).toBe('damaged')
  closeLog(log)
  const kept = `${LOG_FILE}.damaged-then`
  expect(aside(copy).sort()).toEqual([kept, `${kept}-wal`])
  expect(readFileSync(join(copy, `${kept}-wal`)).equals(wal)).toBe(true)
})

it('a log set aside takes no name of which another has a part, as a write-ahead file alone', () => {
  const folder = newFolder()
  const asideName = '1970-01-01T000012'
  const { log } = openLog(folder)
  log.append(entries(1, 10))
  closeLog(log)
  const kept = `${logFile(folder)}.damaged-${asideName}`
  writeFileSync(`${kept}-wal`, 'of before')
  rot(folder, '"kiosk":"k5"', '"kXosk":"k5"')
  const damaged = readFileSync(logFile(folder))
  closeLog(openLog(folder, { asideName }).log)
  expect(readFileSync(`${kept}-wal`, 'utf8')).toBe('of before')
  expect(readFileSync(`${kept}-2`).equals(damaged)).toBe(true)
})

/** Of the first 100 bytes of the file, the ones that say how to read the rest. */
it.each([
  // A later one is read by SQLite and not written any more.
  ['of the form of file to write', 18, 0],
  ['of the form of file to write', 18, 7],
  ['of the form of the schema', 47, 0],
  ['of the form of the schema', 47, 3],
])('a bit turned in the number %s (byte %i, bit %i) is damage, not the end', (_, at, bit) => {
  const { folder, facts, files } = busyFolder()
  files()
  const copy = copyFolder(folder, [''])
  const bytes = readFileSync(logFile(copy))
  bytes[at]! ^= 1 << bit
  writeFileSync(logFile(copy), bytes)
  closeLog(openLog(copy).log)
  const [name] = aside(copy)
  expect(readFileSync(join(copy, name!)).equals(bytes), 'kept as it was').toBe(true)

  const again = copyFolder(folder, [''])
  writeFileSync(logFile(again), bytes)
  expect(survives(again, facts, `byte ${at}`)).toBe('damaged')
})

it('the state behind pruned records survives damage of the record it was taken at', () => {
  const folder = newFolder()
  const { log } = openLog(folder)
  log.append(entries(1, 40))
  const { epoch, head } = log.status()
  log.takeReceipt(receiptFor(head.seq, head.hash, epoch), null)
  log.saveSnapshot({ epoch, seq: 30 }, '{"state":"of 30"}')
  log.prune(Number.MAX_SAFE_INTEGER)
  log.append(entries(41, 45))
  closeLog(log)
  rot(folder, '"kiosk":"k31"', '"kXosk":"k31"')
  const { log: again, found } = openLog(folder)
  expect(found).toBe('damaged')
  expect(again.snapshot()?.state).toBe('{"state":"of 30"}')
  // Folded from where it stands now, nothing it did not see is left out.
  const behind = [...again.fold(again.snapshot()!.at)].map(({ text }) => text)
  for (let n = 32; n <= 45; n++) expect(behind.join()).toContain(`"k${n}"`)
  closeLog(again)
})

it('a crash at any point of setting aside ends in the same log', () => {
  const { folder, files } = busyFolder()
  files()
  const damaged = copyFolder(folder, [''])
  rot(damaged, '"kiosk":"k90"', '"kXosk":"k90"')
  const reference = copyFolder(damaged, [''])
  const { log } = openLog(reference)
  const told = kiosks(log)
  closeLog(log)
  // Half a copy beside the damaged file.
  const half = copyFolder(damaged, [''])
  writeFileSync(`${logFile(half)}.new`, 'half')
  // The old one moved away, its write-ahead file not yet, the copy complete.
  const moved = copyFolder(reference, [''])
  copyFileSync(logFile(moved), `${logFile(moved)}.new`)
  copyFileSync(logFile(damaged), `${logFile(moved)}.damaged-before`)
  rmSync(logFile(moved))
  writeFileSync(`${logFile(moved)}-wal`, readFileSync(logFile(damaged)).subarray(0, 5_000))
  for (const each of [half, moved]) {
    const opened = openLog(each)
    expect(kiosks(opened.log)).toEqual(told)
    closeLog(opened.log)
    expect(existsSync(`${logFile(each)}.new`)).toBe(false)
    expect(aside(each).length).toBeGreaterThan(0)
  }
})
