/**
 * What the controller holds of the hall, read back over its API and checked from the bytes: the chain
 * of every epoch is hashed again here, and each fact is looked for by the source it came from. Shares
 * no code with gateway or controller.
 */
import { createHash } from 'node:crypto'
import { Fault } from '#devices/std/fault.ts'
import type { HttpClient } from '../people/http.ts'

export type Head = { epoch: string; seq: number; hash: string }

export type Completeness = {
  records: number
  head: Head | null
  epochs: { epoch: string; number: number; seq: number; parent: Head | null; branch: boolean }[]
  branches: unknown[]
  gaps: unknown[]
  rejected: number
}

export type Held = {
  completeness: Completeness
  /** Records whose chain was hashed again up to the gateway's head. */
  verified: number
  /** The hash that came out at the end of the gateway's path. */
  head: string
  /** How often each source was recorded. */
  sources: Map<string, number>
  /** How often each number was given out, by date and number. */
  numbers: Map<string, number>
  /** Tickets a card was verified for. */
  cards: Set<string>
}

const ZERO = Buffer.alloc(32)

/** `epoch` is where the gateway stands; its parents lead back to the first. */
export async function readHeld(cloud: HttpClient, hall: string, epoch: string): Promise<Held> {
  const completeness = await cloud.json<Completeness>({ path: `/api/halls/${hall}/completeness` })
  const held: Held = {
    ...{ completeness, verified: 0, head: ZERO.toString('hex') },
    ...{ sources: new Map(), numbers: new Map(), cards: new Set() },
  }
  for (const part of pathTo(completeness, epoch)) {
    await readEpoch({ cloud, hall, held }, part)
  }
  return held
}

type Part = { epoch: string; upto: number | null; before: string | null }

/** Epochs from the first to the gateway's, each up to where the next one went on. */
function pathTo({ epochs }: Completeness, epoch: string): Part[] {
  const parts: Part[] = []
  let next: string | null = epoch
  let upto: number | null = null
  while (next !== null && parts.length <= epochs.length) {
    const row = epochs.find((known) => known.epoch === next)
    if (row === undefined) break
    parts.unshift({ epoch: row.epoch, upto, before: row.parent?.hash ?? null })
    upto = row.parent?.seq ?? null
    next = row.parent?.epoch ?? null
  }
  return parts
}

type Reading = { cloud: HttpClient; hall: string; held: Held }

async function readEpoch({ cloud, hall, held }: Reading, { epoch, upto, before }: Part) {
  let hash: Uint8Array = before === null ? ZERO : Buffer.from(before, 'hex')
  for (let from: number | null = 1; from !== null; ) {
    const path = `/api/halls/${hall}/log?epoch=${epoch}&from=${from}&limit=1000`
    const { status, text, headers } = await cloud.ask({ path })
    if (status !== 200) throw new Fault('unavailable', `${path}: ${status}`)
    for (const line of text.split('\n')) {
      if (line === '' || (upto !== null && from > upto)) continue
      hash = createHash('sha256').update(hash).update(line, 'utf8').digest()
      held.verified++
      from++
      note(held, line)
    }
    const next = headers['hallway-next']
    from = next === undefined || (upto !== null && from > upto) ? null : Number(next)
  }
  held.head = Buffer.from(hash).toString('hex')
}

type Known = {
  kind: string
  source?: { device: string; boot: string; event: number } | { caller: string; key: string }
  was?: unknown
  data: Record<string, unknown>
}

function note({ sources, numbers, cards }: Held, line: string): void {
  const { kind, source, was, data } = JSON.parse(line) as Known
  // Appended again in a later epoch: the same fact, which stood elsewhere before.
  if (was !== undefined) return
  if (kind === 'order.entered') add(sources, `order ${data.order}`)
  else if (source !== undefined) {
    const name =
      'device' in source ? [source.device, source.boot, source.event] : Object.values(source)
    add(sources, name.join(' '))
  }
  if (kind === 'ticket.issued') add(numbers, `${data.day} ${data.number}`)
  if (kind === 'card.verified' && typeof data.ticket === 'string') cards.add(data.ticket)
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

export type VisitRow = {
  ticket: string
  day: string
  number: string
  outcome: string
  undelivered: boolean
  delivery: string | null
  called_ms: number | null
  wait_ms: number | null
}
export type EntryRow = {
  place: number
  kind: 'sale' | 'reversal'
  postings: { account: string; debit_fen: string; credit_fen: string }[]
}
export type BalanceRow = {
  account: string
  debit_fen: string
  credit_fen: string
  balance_fen: string
}

type Page<T> = { items: T[]; next: number | null }

/** All rows of a list, page by page. */
export async function* rowsOf<T>(cloud: HttpClient, path: string): AsyncGenerator<T> {
  for (let after: number | null = 0; after !== null; ) {
    const page: Page<T> = await cloud.json({ path: `${path}?after=${after}&limit=1000` })
    yield* page.items
    after = page.next
  }
}
