/**
 * How requests and replies cross between the gateway and its log's thread. What crosses is copied
 * member by member, names included, so the appends of one turn travel as columns: one list of texts,
 * one of times. Everything else travels as it is.
 */
import type { Appended } from '../ports.ts'
import type { UsedNumber } from './numbers.ts'
import type { Append, Reply, Request } from './service.ts'

/** Appends that follow one another; lists are as long as there are appends, or entries. */
type AppendColumns = {
  ids: number[]
  generation: number
  /** How many of the entries are each append's. */
  counts: number[]
  closing: boolean[]
  texts: string[]
  walls_ms: number[]
  /** Of the few that use numbers: which append, and its numbers. */
  used: [append: number, numbers: readonly UsedNumber[]][]
}

/** Appends that were answered with their places in one epoch. */
type PlaceColumns = { ids: number[]; epoch: string; firsts: number[]; lasts: number[] }

export type PackedRequests = (Request | AppendColumns)[]
export type PackedReplies = (Reply | PlaceColumns)[]

export function packRequests(requests: readonly Request[]): PackedRequests {
  const packed: PackedRequests = []
  let columns: AppendColumns | null = null
  for (const request of requests) {
    const { call } = request
    if (call.op !== 'append') {
      columns = null
      packed.push(request)
      continue
    }
    if (columns === null || columns.generation !== call.generation) {
      columns = newColumns(call.generation)
      packed.push(columns)
    }
    addAppend(columns, request.id, call)
  }
  return packed
}

function newColumns(generation: number): AppendColumns {
  return { ids: [], generation, counts: [], closing: [], texts: [], walls_ms: [], used: [] }
}

function addAppend(columns: AppendColumns, id: number, { entries, closing, used }: Append): void {
  if (used.length > 0) columns.used.push([columns.ids.length, used])
  columns.ids.push(id)
  columns.counts.push(entries.length)
  columns.closing.push(closing)
  for (const { text, wall_ms } of entries) {
    columns.texts.push(text)
    columns.walls_ms.push(wall_ms)
  }
}

export function unpackRequests(packed: PackedRequests): Request[] {
  return packed.flatMap((one) => ('call' in one ? [one] : appendsOf(one)))
}

function appendsOf({ ids, generation, ...columns }: AppendColumns): Request[] {
  const { counts, closing, texts, walls_ms } = columns
  const used = new Map(columns.used)
  let at = 0
  return ids.map((id, i) => {
    const from = at
    at += counts[i]!
    const entries = texts.slice(from, at).map((text, k) => ({ text, wall_ms: walls_ms[from + k]! }))
    const about = { entries, closing: closing[i]!, used: used.get(i) ?? [] }
    return { id, call: { op: 'append', generation, ...about } }
  })
}

export function packReplies(replies: readonly Reply[]): PackedReplies {
  const packed: PackedReplies = []
  let columns: PlaceColumns | null = null
  for (const reply of replies) {
    const place = placeOf(reply)
    if (place === null) {
      columns = null
      packed.push(reply)
      continue
    }
    if (columns === null || columns.epoch !== place.epoch) {
      columns = { ids: [], epoch: place.epoch, firsts: [], lasts: [] }
      packed.push(columns)
    }
    columns.ids.push(reply.id)
    columns.firsts.push(place.first)
    columns.lasts.push(place.last)
  }
  return packed
}

/** The places of an answered append; null for any other reply. */
function placeOf(reply: Reply): Appended | null {
  const result = reply.ok ? reply.result : null
  if (typeof result !== 'object' || result === null || !('last' in result)) return null
  return typeof result.last === 'number' ? (result as Appended) : null
}

export function unpackReplies(packed: PackedReplies): Reply[] {
  return packed.flatMap((one) => ('id' in one ? [one] : placesOf(one)))
}

function placesOf({ ids, epoch, firsts, lasts }: PlaceColumns): Reply[] {
  return ids.map((id, i) => {
    return { id, ok: true, result: { epoch, first: firsts[i]!, last: lasts[i]! } }
  })
}
