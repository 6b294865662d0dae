/**
 * Who may use the local API: one random token for each device or program, kept as its hash in the
 * data folder. The clear token is given out once, when it is made, and is nowhere afterwards.
 *
 * Faults: `malformed` for a damaged file, which is never replaced silently.
 */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { HashHex } from '#devices/contract/position.ts'
import { Name } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import type { TokenConfig } from '../config.ts'
import { readSmall, writeDurably } from '../durable-file.ts'

const FILE = 'local-tokens.json'
const FILE_BYTES_MAX = 256 * 1024
const TOKEN_BYTES = 32

export type Role = TokenConfig['role']
/** Who is asking. `counter` null: not bound to one. */
export type Caller = { name: string; role: Role; counter: string | null }

const TokenFile = z.strictObject({
  v: z.literal(1),
  tokens: z.array(z.strictObject({ name: Name, sha256: HashHex })).max(256),
})

export interface Tokens {
  /** Null for a token that nobody was given. */
  find(token: string): Caller | null
}

/** A token just made, in clear, for whoever sets up the program it is for. */
export type IssuedToken = { name: string; token: string }

/**
 * Reads the hashes of a data folder and makes a token for everyone the config names who has none
 * yet, also where its hand-over file is gone. A token the config no longer names stops to count.
 */
export async function openTokens(
  folder: string,
  declared: readonly TokenConfig[],
): Promise<{ tokens: Tokens; issued: IssuedToken[] }> {
  const path = join(folder, FILE)
  const known = await readTokenFile(path)
  const issued: IssuedToken[] = []
  const hashes = new Map<string, string>()
  for (const { name, file } of declared) {
    const hash = await stillValid(known.get(name), file)
    if (hash !== null) {
      hashes.set(name, hash)
      continue
    }
    const token = `hw_${randomBytes(TOKEN_BYTES).toString('base64url')}`
    hashes.set(name, sha256(token))
    issued.push({ name, token })
  }
  if (issued.length > 0 || known.size !== hashes.size) await writeTokenFile(path, hashes)
  await handOver(declared, issued)
  return { tokens: tokensOf(declared, hashes), issued }
}

/** A token whose hand-over file was lost or holds another one is made anew. */
async function stillValid(
  hash: string | undefined,
  file: string | undefined,
): Promise<string | null> {
  if (hash === undefined) return null
  if (file === undefined) return hash
  const text = await readSmall(file, 1_024)
  return text !== null && sha256(text.trim()) === hash ? hash : null
}

async function handOver(
  declared: readonly TokenConfig[],
  issued: readonly IssuedToken[],
): Promise<void> {
  for (const { name, token } of issued) {
    const file = declared.find((one) => one.name === name)?.file
    if (file !== undefined) await writeDurably(file, `${token}\n`)
  }
}

function tokensOf(declared: readonly TokenConfig[], hashes: ReadonlyMap<string, string>): Tokens {
  const callers = new Map<string, Caller>()
  for (const { name, role, counter } of declared) {
    callers.set(hashes.get(name)!, { name, role, counter: counter ?? null })
  }
  // The look-up is by hash, so its timing says nothing about a token.
  return { find: (token) => callers.get(sha256(token)) ?? null }
}

async function readTokenFile(path: string): Promise<Map<string, string>> {
  const text = await readSmall(path, FILE_BYTES_MAX)
  if (text === null) return new Map()
  try {
    const { tokens } = TokenFile.parse(JSON.parse(text))
    return new Map(tokens.map(({ name, sha256 }) => [name, sha256]))
  } catch {
    throw new Fault('malformed', `${path}: move it away to have all tokens made anew`)
  }
}

async function writeTokenFile(path: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  const tokens = [...hashes].map(([name, sha256]) => ({ name, sha256 }))
  await writeDurably(path, JSON.stringify({ v: 1, tokens }))
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
