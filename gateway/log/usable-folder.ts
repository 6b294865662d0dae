/**
 * The log's folder, made if need be, and looked at before SQLite is: of what it may not read or write
 * SQLite says no more than a number. Fault `commit_failed` says what stands in the way.
 */
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import { fileTrouble } from '#devices/std/file-trouble.ts'

export const LOG_FILE = 'hall-log.sqlite'
export const MARKS_FILE = 'marks.json'

export function useFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const files = [LOG_FILE, `${LOG_FILE}-wal`, MARKS_FILE].map((name) => join(folder, name))
    for (const one of [folder, ...files.filter((file) => existsSync(file))])
      accessSync(one, constants.R_OK | constants.W_OK)
  } catch (error) {
    const trouble = fileTrouble(error)
    if (trouble === null) throw error
    throw new Fault('commit_failed', trouble, { cause: error })
  }
}
