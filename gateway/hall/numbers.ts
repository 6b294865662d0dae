/**
 * Printed numbers: one band a service, counted upwards through the business day. A number never
 * comes twice in a day; gaps are fine. Where records may be lost every band skips ahead.
 */

import type { HallRules, NumberBand } from '#devices/contract/hall-rules.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { NUMBERS_SKIPPED } from './limits.ts'
import type { Band, HallState } from './state.ts'
import { emptyTable } from './table.ts'

export function printNumber(band: NumberBand, n: number): string {
  return band.prefix + String(n).padStart(band.digits, '0')
}

/** The next free number of a service, or null where its band is used up. */
export function nextNumber(state: HallState, service: string): string | null {
  const band = state.bands[service]
  if (band === undefined) return null
  for (let n = band.next; n <= band.last; n++) {
    const number = printNumber(band, n)
    // Rules changed within the day may give a service numbers that another one has used.
    if (state.numbers[number] === undefined) return number
  }
  return null
}

/** A number was given out. One that is not of the band moves nothing. */
export function noteNumber(state: HallState, service: string, number: string): void {
  const band = state.bands[service]
  if (band === undefined || !number.startsWith(band.prefix)) return
  const n = Number(number.slice(band.prefix.length))
  const within = n >= band.first && n <= band.last && printNumber(band, n) === number
  if (within && n >= band.next) band.next = n + 1
}

/** A new business day: every band from its first number. */
export function openBands(state: HallState): void {
  state.bands = emptyTable()
  for (const { service, band } of state.config?.rules.services ?? []) {
    state.bands[service] = freshBand(state, service, band)
  }
}

/** New rules within a day: a band goes on where it can. */
export function changeBands(state: HallState, rules: HallRules): void {
  const before = state.bands
  state.bands = emptyTable()
  for (const { service, band } of rules.services) {
    const old = before[service]
    state.bands[service] =
      old !== undefined && goesOn(old, band)
        ? { ...band, next: old.next }
        : freshBand(state, service, band)
  }
}

function goesOn(old: Band, band: NumberBand): boolean {
  const sameLook = old.prefix === band.prefix && old.digits === band.digits
  return sameLook && old.next >= band.first && old.next <= band.last + 1
}

function freshBand(state: HallState, service: string, band: NumberBand): Band {
  const opened = { ...band, next: band.first }
  return pastReserved(state, service, state.doubt.day ? skipped(opened) : opened)
}

/** Every band goes on behind what is reserved; where records may be lost, behind what they gave out. */
export function skipAhead(state: HallState, { lost }: { lost: boolean }): void {
  for (const service of Object.keys(state.bands)) {
    const band = state.bands[service] as Band
    state.bands[service] = pastReserved(state, service, lost ? skipped(band) : band)
  }
}

/**
 * Known to be in people's hands: never again that day, even if the band ends here. A reservation runs
 * at most a block ahead of what was printed: one further beyond the band is of another one, which the
 * service had earlier that day.
 */
function pastReserved(state: HallState, service: string, band: Band): Band {
  const to = state.reserved?.day === state.day?.day ? state.reserved?.to[service] : undefined
  return to === undefined || to - NUMBERS_SKIPPED > band.last
    ? band
    : { ...band, next: Math.max(band.next, to + 1) }
}

/** Numbers of `day` up to `to` are taken, service by service. */
export function reserve(state: HallState, { day, used }: PrintedNumbers): void {
  const to = emptyTable<number>()
  for (const one of used) to[one.service] = one.to
  state.reserved = { day, to }
}

/** Towards the end of a band the last number is as far as it can go. */
function skipped(band: Band): Band {
  return { ...band, next: Math.max(band.next, Math.min(band.next + NUMBERS_SKIPPED, band.last)) }
}
