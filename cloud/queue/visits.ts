/**
 * The projection `visits`: every ticket with its times, the figures of every day, what each counter
 * is doing and the hall's present day. Faults that mark a record rejected: `unknown_ticket` (its
 * issue is lost), `wrong_state` (a second end, or a ticket issued twice), `day_closed` (a kiosk
 * visit before the first day).
 */
import type { Kind } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import type { AnyBooked, Booked, Projection, Put, Row, RowKey, Value } from '../ports.ts'
import { closedCounter, moveCounters, signed } from './counter.ts'
import { emptyDay, moveVisit } from './hall-day.ts'
import {
  type CounterRow,
  type HallDayRow,
  type HallStateRow,
  queueTables,
  type VisitRow,
} from './tables.ts'
import { issued, type VisitKind, visitSteps } from './visit.ts'

type Get = (table: string, ...key: Value[]) => Row | undefined

const visitKey = (ticket: string): RowKey => ({ table: 'visit', key: [ticket] })
const dayKey = (day: string): RowKey => ({ table: 'hall_day', key: [day] })
const counterKey = (counter: string): RowKey => ({ table: 'counter', key: [counter] })
const stateKey: RowKey = { table: 'hall_state', key: ['now'] }

const readDay = (get: Get, day: string) =>
  (get('hall_day', day) as HallDayRow | undefined) ?? emptyDay(day)
const readCounter = (get: Get, counter: string) =>
  (get('counter', counter) as CounterRow | undefined) ?? closedCounter(counter)

const noState: HallStateRow = {
  ...{ part: 'now', day: null, day_open: false, config_version: null },
  ...{ name_zh: null, name_en: null, zone: null, services: null },
}
const readState = (get: Get) => (get('hall_state', 'now') as HallStateRow | undefined) ?? noState

function readVisit(get: Get, ticket: string): VisitRow {
  const visit = get('visit', ticket) as VisitRow | undefined
  if (visit === undefined) throw new Fault('unknown_ticket', ticket)
  return visit
}

type Fold<K extends Kind> = {
  needs(booked: Booked<K>): readonly RowKey[]
  fold(booked: Booked<K>, get: Get): readonly Put[]
}

const ticketIssued: Fold<'ticket.issued'> = {
  needs: ({ record }) => [visitKey(record.data.ticket), dayKey(record.data.day)],
  fold({ record, place }, get) {
    const { ticket, day } = record.data
    if (get('visit', ticket) !== undefined) throw new Fault('wrong_state', 'issued before')
    const visit = issued(record, place)
    const figures = moveVisit(readDay(get, day), null, visit)
    return [
      { table: 'visit', row: visit },
      { table: 'hall_day', row: figures },
    ]
  },
}

/** Every later record of a ticket: its own step, then what follows for day and counters. */
function later<K extends VisitKind>(kind: K): Fold<K> {
  return {
    needs({ record }) {
      const { ticket, counter } = record.data as { ticket: string; counter?: string }
      return counter === undefined ? [visitKey(ticket)] : [visitKey(ticket), counterKey(counter)]
    },
    fold(booked, get) {
      const before = readVisit(get, booked.record.data.ticket)
      const stepped = visitSteps[kind](before, booked.record)
      // A row that a step made is nobody else's yet.
      const after = stepped === before ? { ...before } : stepped
      after.updated_place = booked.place
      const puts: Put[] = [{ table: 'visit', row: after }]
      const day = readDay(get, after.day)
      const moved = moveVisit(day, before, after)
      if (moved !== day) puts.push({ table: 'hall_day', row: moved })
      const counters = moveCounters(booked as AnyBooked, before, after, (c) => readCounter(get, c))
      for (const row of counters) puts.push({ table: 'counter', row })
      return puts
    },
  }
}

const cardVerified: Fold<'card.verified'> = {
  needs: ({ record }) => (record.data.ticket === null ? [] : [visitKey(record.data.ticket)]),
  fold({ record, place }, get) {
    const { ticket, subject } = record.data
    if (ticket === null) return []
    const visit = readVisit(get, ticket)
    return [{ table: 'visit', row: { ...visit, subject, updated_place: place } }]
  },
}

function signing<K extends 'counter.signed_in' | 'counter.signed_out'>(present: boolean): Fold<K> {
  return {
    needs: ({ record }) => [counterKey(record.data.counter)],
    fold({ record }, get) {
      const { counter, clerk } = record.data
      const since_ms = record.at.wall_ms
      const row = signed(readCounter(get, counter), present ? clerk : null, since_ms)
      return [{ table: 'counter', row }]
    },
  }
}

function dayTurn<K extends 'day.opened' | 'day.closed'>(open: boolean): Fold<K> {
  return {
    needs: ({ record }) => [stateKey, dayKey(record.data.day)],
    fold({ record }, get) {
      const { day } = record.data
      const row = readDay(get, day)
      const time = open ? { opened_ms: record.at.wall_ms } : { closed_ms: record.at.wall_ms }
      return [
        { table: 'hall_state', row: { ...readState(get), day, day_open: open } },
        { table: 'hall_day', row: { ...row, ...time } },
      ]
    },
  }
}

const configApplied: Fold<'config.applied'> = {
  needs: () => [stateKey],
  fold({ record }, get) {
    const { version, rules } = record.data
    const services = rules.services.map(({ service, name }) => ({ service, name }))
    const row: HallStateRow = {
      ...readState(get),
      ...{ config_version: version, zone: rules.zone, services: JSON.stringify(services) },
      ...{ name_zh: rules.hall_name.zh, name_en: rules.hall_name.en },
    }
    return [{ table: 'hall_state', row }]
  },
}

const kioskVisited: Fold<'kiosk.visited'> = {
  needs: () => [stateKey],
  fold(_, get) {
    const { day } = readState(get)
    if (day === null) throw new Fault('day_closed')
    const row = readDay(get, day)
    return [{ table: 'hall_day', row: { ...row, kiosk: row.kiosk + 1 } }]
  },
}

const folds: { [K in Kind]?: Fold<K> } = {
  'ticket.issued': ticketIssued,
  'ticket.delivered': later('ticket.delivered'),
  'ticket.called': later('ticket.called'),
  'ticket.recalled': later('ticket.recalled'),
  'ticket.serving': later('ticket.serving'),
  'ticket.done': later('ticket.done'),
  'ticket.no_show': later('ticket.no_show'),
  'ticket.left': later('ticket.left'),
  'ticket.voided': later('ticket.voided'),
  'card.verified': cardVerified,
  'counter.signed_in': signing(true),
  'counter.signed_out': signing(false),
  'day.opened': dayTurn(true),
  'day.closed': dayTurn(false),
  'config.applied': configApplied,
  'kiosk.visited': kioskVisited,
}

/** The fold of a record's own kind; the table above holds each kind with its own shape. */
const foldOf = (booked: AnyBooked) => folds[booked.record.kind] as Fold<Kind> | undefined

export const visits: Projection = {
  name: 'visits',
  version: 1,
  tables: queueTables,
  kinds: Object.keys(folds) as Kind[],
  needs: (booked) => foldOf(booked)?.needs(booked) ?? [],
  follow(table, row) {
    if (table === 'visit') {
      const { day, counter } = row as VisitRow
      return counter === null ? [dayKey(day)] : [dayKey(day), counterKey(counter)]
    }
    if (table !== 'hall_state') return []
    const { day } = row as HallStateRow
    return day === null ? [] : [dayKey(day)]
  },
  fold: (booked, get) => foldOf(booked)?.fold(booked, get) ?? [],
}
