/**
 * A visit from ticket to end: what each record makes of its row. A record that cannot follow a
 * final outcome is refused with `wrong_state`, so two branches of a log never give one ticket two
 * ends. Steps that a damaged log lost are not missed: done may follow waiting.
 */
import type { RecOf } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { clockOf, interval } from './interval.ts'
import type { Outcome, VisitRow } from './tables.ts'

export type VisitKind =
  | 'ticket.delivered'
  | 'ticket.called'
  | 'ticket.recalled'
  | 'ticket.serving'
  | 'ticket.done'
  | 'ticket.no_show'
  | 'ticket.left'
  | 'ticket.voided'

type Step<K extends VisitKind> = (visit: VisitRow, record: RecOf<K>) => VisitRow

export function issued(record: RecOf<'ticket.issued'>, place: number): VisitRow {
  const { ticket, day, number, service, ahead } = record.data
  return {
    ticket,
    day,
    number,
    service,
    class: record.data.class,
    outcome: 'waiting',
    counter: null,
    clerk: null,
    ahead,
    calls: 0,
    recalls: 0,
    issued_ms: record.at.wall_ms,
    first_called_ms: null,
    called_ms: null,
    serving_ms: null,
    ended_ms: null,
    wait_ms: null,
    serve_ms: null,
    wall_interval: false,
    delivery: null,
    undelivered: false,
    subject: null,
    issued_clock: clockOf(record.at),
    serving_clock: null,
    issued_place: place,
    updated_place: place,
  }
}

function only(visit: VisitRow, ...allowed: Outcome[]): void {
  if (!allowed.includes(visit.outcome)) throw new Fault('wrong_state', visit.outcome)
}

/** What is surest about the paper: a later failed reprint does not take the first paper away. */
const surest = ['failed', 'unknown', 'likely', 'printed'] as const

function delivered(visit: VisitRow, record: RecOf<'ticket.delivered'>): VisitRow {
  const { outcome } = record.data
  const better = visit.delivery === null || surest.indexOf(outcome) > surest.indexOf(visit.delivery)
  return better ? { ...visit, delivery: outcome } : visit
}

function called(visit: VisitRow, record: RecOf<'ticket.called'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving', 'no_show')
  const at_ms = record.at.wall_ms
  const wait = interval(visit.issued_ms, visit.issued_clock, record.at)
  const { counter, clerk } = record.data
  return {
    ...visit,
    outcome: 'called',
    counter,
    clerk,
    calls: visit.calls + 1,
    first_called_ms: visit.first_called_ms ?? at_ms,
    called_ms: at_ms,
    wait_ms: wait.ms,
    wall_interval: wait.wall,
    serving_ms: null,
    serving_clock: null,
    ended_ms: null,
    undelivered: false,
  }
}

function recalled(visit: VisitRow): VisitRow {
  only(visit, 'waiting', 'called', 'serving')
  return { ...visit, recalls: visit.recalls + 1 }
}

function serving(visit: VisitRow, { at, data }: RecOf<'ticket.serving'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving')
  const { counter } = data
  const [serving_ms, serving_clock] = [at.wall_ms, clockOf(at)]
  return { ...visit, outcome: 'serving', serving_ms, serving_clock, counter }
}

function done(visit: VisitRow, { at, data }: RecOf<'ticket.done'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving')
  const { counter } = data
  const end = { ...visit, outcome: 'done' as const, counter, ended_ms: at.wall_ms }
  if (visit.serving_ms === null || visit.serving_clock === null) return end
  const serve = interval(visit.serving_ms, visit.serving_clock, at)
  end.serve_ms = serve.ms
  end.wall_interval ||= serve.wall
  return end
}

function noShow(visit: VisitRow, { at, data }: RecOf<'ticket.no_show'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving')
  const { counter, undelivered } = data
  return { ...visit, outcome: 'no_show', counter, undelivered, ended_ms: at.wall_ms }
}

function left(visit: VisitRow, { at, data }: RecOf<'ticket.left'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving')
  return { ...visit, outcome: 'left', undelivered: data.undelivered, ended_ms: at.wall_ms }
}

function voided(visit: VisitRow, { at }: RecOf<'ticket.voided'>): VisitRow {
  only(visit, 'waiting', 'called', 'serving', 'no_show')
  return { ...visit, outcome: 'voided', ended_ms: at.wall_ms }
}

export const visitSteps: { [K in VisitKind]: Step<K> } = {
  'ticket.delivered': delivered,
  'ticket.called': called,
  'ticket.recalled': recalled,
  'ticket.serving': serving,
  'ticket.done': done,
  'ticket.no_show': noShow,
  'ticket.left': left,
  'ticket.voided': voided,
}
