/**
 * Small files that must survive a power cut whole: written beside, synced, renamed, directory
 * synced. A reader sees the old text or the new one, never half of either.
 *
 * Refuses to read more than a stated size: fault `too_large`.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '#devices/std/fault.ts'

const OWNER_ONLY = 0o600

/** Replaces the file's text; its owner alone may read it. Resolves when it is on disk. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await writeBeside(path, text, (beside) => rename(beside, path))
}

/** The same for a file that is made once: where another process made one meanwhile, that one stays. */
export async function makeDurably(path: string, text: string): Promise<void> {
  await writeBeside(path, text, async (beside) => {
    await link(beside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await rm(beside)
  })
}

async function writeBeside(
  path: string,
  text: string,
  put: (beside: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.${randomBytes(4).toString('hex')}.new`
  try {
    await writeSynced(beside, text)
    await put(beside)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(text, 'utf8')
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The file's text, or null where there is none. Fault `too_large` above `bytes_max`. */
export async function readSmall(path: string, bytes_max: number): Promise<string | null> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (file === null) return null
  try {
    const { size } = await file.stat()
    if (size > bytes_max) throw new Fault('too_large', `${path}: ${size} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
