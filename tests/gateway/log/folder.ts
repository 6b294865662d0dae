/** Folders on disk and logs in them, for the tests of the hall log. */
import { hash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { Found } from '../../../gateway/log/begin.ts'
import type { HallLog } from '../../../gateway/log/hall-log.ts'
import { type MarksFile, marksFile } from '../../../gateway/log/marks.ts'
import { LOG_FILE, type OpenOptions, openHallLog } from '../../../gateway/log/open.ts'
import { START_MS, stampAt } from './records.ts'

export * from './records.ts'

const folders: string[] = []
const open = new Set<HallLog>()

afterEach(() => {
  for (const log of open) closeLog(log)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

// In memory where that can be: hundreds of logs are opened, and what a sync is worth is proved elsewhere.
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export function newFolder(base = BASE): string {
  const folder = mkdtempSync(join(base, 'hallway-log-'))
  folders.push(folder)
  return folder
}

export const logFile = (folder: string): string => join(folder, LOG_FILE)

let fresh = 0
/** 32 hex digits, another every time. */
export const freshEpoch = (): string => hash('sha256', `epoch ${++fresh}`).slice(0, 32)

export type Opened = { log: HallLog; found: Found; marks: MarksFile }

export function openLog(folder: string, more: Partial<OpenOptions> = {}): Opened {
  const marks = marksFile(join(folder, 'marks.json'))
  const opened = openHallLog({
    ...{ folder, marks, gateway: 'gw-1', freshEpoch, stamp: () => stampAt(START_MS) },
    ...{ quota_bytes: 1e9, retention_ms: 0, asideName: `t${++fresh}` },
    ...more,
  })
  open.add(opened.log)
  return { ...opened, marks }
}

export function closeLog(log: HallLog): void {
  open.delete(log)
  try {
    log.close()
  } catch {
    // Closed by the test already.
  }
}

/** The kiosks of all records on the path, in order. */
export function kiosks(log: HallLog): string[] {
  return [...log.fold(null)].flatMap(({ text }) => {
    const record = JSON.parse(text ?? '{}')
    return record.kind === 'kiosk.visited' ? [record.data.kiosk as string] : []
  })
}

export const kinds = (log: HallLog): string[] =>
  [...log.fold(null)].map(({ text }) => JSON.parse(text ?? '{}').kind)
