/**
 * Opens a gateway's log file to be read and changes nothing of it. SQLite makes a file of its own
 * beside a log to read it; where the folder can not be written it is read as one that nobody changes,
 * which holds only as long as no record still stands in the journal beside it. Throws an error that
 * says why it cannot be read and what to do.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

/** Bytes of a journal before its first page. */
const WAL_HEADER_BYTES = 32

export function openLogFile(file: string): DatabaseSync {
  if (!existsSync(file)) throw new Error(`${file}: no such file`)
  if (!mayRead(file)) throw new Error(`${file}: you may not read it`)
  try {
    return opened(file)
  } catch (error) {
    if (!isUnwritable(error)) throw new Error(`${file}: ${reasonOf(error)}`, { cause: error })
  }
  const journal = `${file}-wal`
  if (existsSync(journal) && statSync(journal).size > WAL_HEADER_BYTES) {
    throw new Error(
      `${file}: its folder cannot be written and its last records stand in ${journal}: ` +
        'copy both into a folder of yours and name the copy',
    )
  }
  const frozen = pathToFileURL(file)
  frozen.searchParams.set('immutable', '1')
  try {
    return opened(frozen)
  } catch (error) {
    throw new Error(`${file}: ${reasonOf(error)}`, { cause: error })
  }
}

function mayRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** Read once: only then does SQLite look at the file. */
function opened(place: string | URL): DatabaseSync {
  const db = new DatabaseSync(place, { readOnly: true })
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Primary result codes of SQLite. */
const code = { busy: 5, readonly: 8, cannot_open: 14 } as const
const codeOf = (error: unknown) => ((error as { errcode?: number }).errcode ?? 0) & 0xff

function isUnwritable(error: unknown): boolean {
  return codeOf(error) === code.readonly || codeOf(error) === code.cannot_open
}

export function reasonOf(error: unknown): string {
  if (codeOf(error) === code.busy) return 'in use: stop its gateway first'
  return `no log of a gateway (${(error as Error).message ?? 'unreadable'})`
}
