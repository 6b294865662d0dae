/**
 * The projection `ratings`: every question that was put to a customer and every press of a rating
 * key. A question has one answer: where two branches of a log each have one, the first that came is
 * it, and the other is kept as nobody's. Faults that mark a record rejected: `wrong_state` (a
 * question that was put before).
 */
import type { RecOf } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Booked, Projection, Put, Row, Value } from '../ports.ts'
import { type RatingAskRow, type RatingRow, ratingTables } from './tables.ts'

type Get = (table: string, ...key: Value[]) => Row | undefined

const readAsk = (get: Get, request: string) =>
  get('rating_ask', request) as RatingAskRow | undefined

function asked({ at, data }: RecOf<'rating.asked'>, get: Get): Put[] {
  const { request, day, counter, clerk, ticket, service, keys } = data
  const known = readAsk(get, request)
  if (known !== undefined && known.asked_ms !== null) throw new Fault('wrong_state', 'asked before')
  const row: RatingAskRow = {
    ...{ request, day, counter, clerk, ticket, service, keys, asked_ms: at.wall_ms },
    rated_place: known?.rated_place ?? null,
  }
  return [{ table: 'rating_ask', row }]
}

function given({ place, record }: Booked<'rating.given'>, get: Get): Put[] {
  const { request, day, counter, clerk, ticket, service, key, score, keys } = record.data
  const pressed = { place, request, day, at_ms: record.at.wall_ms, counter, key, score, keys }
  const ask = request === null ? undefined : readAsk(get, request)
  const answers = record.data.attributed && (ask?.rated_place ?? null) === null
  if (!answers) {
    const nobodys: RatingRow = {
      ...pressed,
      ...{ clerk: null, ticket: null, service: null, attributed: false },
    }
    return [{ table: 'rating', row: nobodys }]
  }
  const row: RatingRow = { ...pressed, clerk, ticket, service, attributed: true }
  if (request === null) return [{ table: 'rating', row }]
  const lost = { request, day, counter, clerk, ticket, service, keys, asked_ms: null }
  return [
    { table: 'rating', row },
    { table: 'rating_ask', row: { ...(ask ?? lost), rated_place: place } },
  ]
}

export const ratings: Projection = {
  name: 'ratings',
  version: 1,
  tables: ratingTables,
  kinds: ['rating.asked', 'rating.given'],
  needs({ record }) {
    if (record.kind !== 'rating.asked' && record.kind !== 'rating.given') return []
    const { request } = record.data
    return request === null ? [] : [{ table: 'rating_ask', key: [request] }]
  },
  follow: () => [],
  fold(booked, get) {
    const { record } = booked
    if (record.kind === 'rating.asked') return asked(record, get)
    return record.kind === 'rating.given' ? given(booked as Booked<'rating.given'>, get) : []
  },
}
