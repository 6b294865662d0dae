/**
 * From a print that the hall asked for to its outcome in the log: asked for once, always closed.
 * The printer that can work is taken; none at all means nobody knows how the number reached its
 * person.
 */
import type { Delivery } from '#devices/contract/record.ts'
import { type Pace, sleep } from '#devices/std/clock.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import { printJobOf } from '../hall/effects.ts'
import type { Ask, Effect } from '../hall/input.ts'
import type { HallState } from '../hall/state.ts'
import type { Desk } from '../ports.ts'
import type { Placed } from './placed.ts'

export type PrintingParts = {
  pace: Pace
  random: Random
  desk: Desk
  printers: () => readonly Placed[]
  /** Minutes until somebody with so many ahead is called; null where nothing can be said. */
  wait: (service: string, ahead: number) => { least: number; most: number } | null
}
type Print = Extract<Effect, { type: 'print' }>

export async function print(
  parts: PrintingParts,
  effect: Print,
  state: Readonly<HallState>,
): Promise<void> {
  const { ticket, reprint } = effect
  const outcome = await printOn(parts, effect, state)
  await close(parts, { type: 'ticket.delivery', ticket, outcome, reprint })
}

async function printOn(
  { printers: all, wait }: PrintingParts,
  { ticket, reprint }: Print,
  state: Readonly<HallState>,
): Promise<Delivery> {
  const printers = all()
  const job = printJobOf(state as HallState, ticket)
  const printer = printers.find((p) => p.view().state === 'online') ?? printers[0]
  // Whoever asked shows or prints the number by itself, or nobody does: not known here.
  if (job === null || printer?.print === undefined) return 'unknown'
  const paper = state.config?.rules.ticket
  return printer.print({
    hall: job.hall_name,
    service: job.service_name,
    number: job.number,
    people_ahead: job.ahead,
    wait_min: wait(job.service, job.ahead),
    counters: countersFor(job.service, state),
    rules: paper?.rules ?? null,
    lines: paper?.lines ?? null,
    time: timeIn(job.zone, job.issued_wall_ms),
    reprint,
    qr: ticket,
  })
}

/** Counters with somebody who calls for the service. */
function countersFor(service: string, state: Readonly<HallState>): string[] {
  return Object.values(state.counters)
    .filter(({ clerk }) => clerk !== null)
    .filter(({ services }) => services.length === 0 || services.includes(service))
    .map(({ counter }) => counter)
}

/** The outcome must get into the log; only the end of this process keeps it from that. */
async function close({ pace, random, desk }: PrintingParts, ask: Ask): Promise<void> {
  for (const delay_ms of backOff(random, 100, 5_000)) {
    const answer = await desk.submit(ask)
    if (answer.outcome === 'recorded' || !answer.fault.transient) return
    await sleep(pace, delay_ms, 'delivery')
  }
}

function timeIn(zone: string, wall_ms: number): string {
  const at = Temporal.Instant.fromEpochMilliseconds(wall_ms).toZonedDateTimeISO(zone)
  return at.toPlainDateTime().toString({ smallestUnit: 'second' }).replace('T', ' ')
}
