/**
 * Secrets that live in the data folder, outside the database: the controller's private key and the
 * administrator's token. Made at the first start, never defaulted, readable by the owner only
 * (mode 600), on disk before they are used. A file that is there is never overwritten.
 * Raises `config_invalid` for a file that is damaged.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import { makeKey, PrivateKey } from './keys.ts'

/** 256 random bits, base64url, 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** SHA-256, hex. Enough for secrets of 256 random bits, which nobody can guess. */
export function hashSecret(secret: string | Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Compares a secret with a stored hash in constant time. */
export function matches(secret: string | Uint8Array, hash: string): boolean {
  const [a, b] = [Buffer.from(hashSecret(secret), 'hex'), Buffer.from(hash, 'hex')]
  return a.length === b.length && timingSafeEqual(a, b)
}

export type Secrets = {
  key: PrivateKey
  admin_token: string
  /** Where a person finds the administrator's token. */
  admin_token_file: string
}

/** Reads the secrets in `folder`, making what is missing. */
export async function loadSecrets(folder: string): Promise<Secrets> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const keyFile = join(folder, 'controller-key.json')
  const tokenFile = join(folder, 'admin-token')
  const keyText = await readOrMake(keyFile, async () => JSON.stringify(await makeKey(), null, 2))
  const token = (await readOrMake(tokenFile, async () => randomSecret())).trim()
  if (!/^[A-Za-z0-9_-]{43,}$/.test(token)) throw new Fault('config_invalid', tokenFile)
  return { key: parseKey(keyText, keyFile), admin_token: token, admin_token_file: tokenFile }
}

function parseKey(text: string, file: string): PrivateKey {
  try {
    return PrivateKey.parse(JSON.parse(text))
  } catch {
    // Without the cause: it would quote the key.
    throw new Fault('config_invalid', file)
  }
}

async function readOrMake(path: string, make: () => Promise<string>): Promise<string> {
  const there = await readIfThere(path)
  if (there !== null) return there
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  await writeSynced(draft, `${await make()}\n`)
  // A link, unlike a rename, refuses to replace what another process made in the meantime.
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(draft)
  await syncFolder(dirname(path))
  return readFile(path, 'utf8')
}

async function readIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(text)
  await file.sync()
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
