/**
 * Looks for people's card data in bytes, in every dress it could wear: UTF-8, UTF-16 of both orders,
 * GB18030, each as it is, in hex (both cases, with and without blanks), in base64 and base64url at all
 * three offsets, of the bytes and of their hex; escaped as JSON and URLs escape it; also inside gzip.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, inflateRawSync } from 'node:zlib'
import iconv from 'iconv-lite'

export type Pattern = { canary: string; dress: string; bytes: Buffer }
/** Names what was found, as `dress of canary`; empty where nothing was. */
export type Search = (bytes: Uint8Array) => string[]

const codes = ['utf8', 'utf16le', 'utf16be', 'gb18030'] as const
/** Shorter ones turn up by chance. */
const least_bytes = 4
const alphabets = ['base64', 'base64url'] as const

/** Every dress of a text. One of a single character is looked for where it stands alone in quotes. */
export function dressesOf(canary: string): Pattern[] {
  const shown = canary.length === 1 ? `"${canary}"` : canary
  const coded = codes.flatMap((code) => dressesOfBytes(iconv.encode(shown, code), code))
  const escapes = { 'JSON escapes': escaped(shown), 'JSON ESCAPES': escaped(shown, true) }
  const others = { ...escapes, 'URL escapes': encodeURIComponent(shown) }
  const escaping = Object.entries(others).map(([dress, text]) => ({
    dress,
    bytes: Buffer.from(text),
  }))
  return [...coded, ...escaping].map((pattern) => ({ canary, ...pattern }))
}

type Dress = Omit<Pattern, 'canary'>

/** Every dress of bytes that are no text, as a photo's. */
export function dressesOfBytes(bytes: Buffer, of: string): Dress[] {
  const hex = bytes.toString('hex')
  const texts = { hex, HEX: hex.toUpperCase() }
  return [
    { dress: of, bytes },
    ...based(bytes, of),
    ...Object.entries(texts).flatMap(([name, text]) => [
      { dress: `${name} of ${of}`, bytes: Buffer.from(text) },
      { dress: `spaced ${name} of ${of}`, bytes: Buffer.from(text.match(/../g)!.join(' ')) },
      ...based(Buffer.from(text), `${name} of ${of}`),
    ]),
  ]
}

function based(bytes: Buffer, of: string): Dress[] {
  return alphabets.flatMap((alphabet) =>
    [0, 1, 2].map((offset) => ({
      dress: `${alphabet}+${offset} of ${of}`,
      bytes: Buffer.from(based64At(bytes, offset, alphabet)),
    })),
  )
}

/** The characters that bytes give behind `offset` others, whatever stands around them. */
function based64At(bytes: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string {
  const shown = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString(alphabet)
    .replace(/=+$/, '')
  const first = Math.ceil((offset * 8) / 6)
  const last = Math.floor(((offset + bytes.length) * 8) / 6)
  return shown.slice(first, last)
}

function escaped(text: string, upper = false): string {
  return text.replaceAll(/[^ -~]/g, (unit) => {
    const digits = unit.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${upper ? digits.toUpperCase() : digits}`
  })
}

const filter_bits = 22

/**
 * One pass over the bytes for all patterns: what stands at a place is looked up by its first four
 * bytes, and nearly everywhere a bit says that nothing begins so.
 */
export function searchFor(patterns: readonly Pattern[]): Search {
  const filter = new Uint8Array(1 << (filter_bits - 3))
  const byHead = new Map<number, Pattern[]>()
  for (const pattern of patterns) {
    if (pattern.bytes.length < least_bytes) throw new Error(`too short: ${pattern.dress}`)
    const head = pattern.bytes.readUInt32BE(0)
    const slot = slotOf(head)
    filter[slot >> 3]! |= 1 << (slot & 7)
    byHead.set(head, [...(byHead.get(head) ?? []), pattern])
  }
  return (bytes) => {
    const found = new Set<string>()
    let head = 0
    for (let at = 0; at < bytes.length; at++) {
      head = ((head << 8) | bytes[at]!) >>> 0
      if (at < 3) continue
      const slot = slotOf(head)
      if ((filter[slot >> 3]! & (1 << (slot & 7))) === 0) continue
      for (const { canary, dress, bytes: wanted } of byHead.get(head) ?? []) {
        const from = at - 3
        if (wanted.equals(bytes.subarray(from, from + wanted.length))) {
          found.add(`${dress} of ${canary}`)
        }
      }
    }
    return [...found]
  }
}

function slotOf(head: number): number {
  return Math.imul(head, 0x9e3779b1) >>> (32 - filter_bits)
}

const tolerant = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 64 * 1024 * 1024 }

/** What is inside the gzip members that stand anywhere in these bytes. */
export function unpacked(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  const magic = Buffer.from([0x1f, 0x8b, 0x08])
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
    try {
      found.push(inflateRawSync(bytes.subarray(at + headOf(bytes, at)), tolerant))
    } catch {
      // Three bytes that look like it.
    }
  }
  return found
}

/** Ten bytes, and what the flags say stands behind them: extra fields, name, comment, checksum. */
function headOf(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0
  let size = 10
  if ((flags & 4) !== 0) size += 2 + bytes.readUInt16LE(at + size)
  for (const flag of [8, 16]) {
    if ((flags & flag) !== 0) size = bytes.indexOf(0, at + size) + 1 - at
  }
  return (flags & 2) === 0 ? size : size + 2
}

/** The bytes, and what is packed in them, twice over. */
export function searchDeep(search: Search, bytes: Buffer): string[] {
  const inside = unpacked(bytes)
  const all = [bytes, ...inside, ...inside.flatMap(unpacked)]
  return [...new Set(all.flatMap(search))]
}

/** Every file below; the database's own programs are no data. */
export async function* filesBelow(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !entry.name.startsWith('programs-')) yield* filesBelow(path)
    else if (entry.isFile()) yield path
  }
}

export async function searchFiles(folder: string, search: Search) {
  const found: string[] = []
  const paths: string[] = []
  let bytes = 0
  for await (const path of filesBelow(folder)) {
    const content = await readFile(path).catch(() => Buffer.alloc(0))
    paths.push(path)
    bytes += content.length
    for (const dress of searchDeep(search, content)) found.push(`${path}: ${dress}`)
  }
  return { found, paths, bytes }
}
