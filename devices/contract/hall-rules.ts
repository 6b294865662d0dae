/**
 * The part of a hall's configuration that decisions depend on. It enters the log as
 * `config.applied`, so a log can be folded again without any file beside it.
 */
import { z } from 'zod'
import { SERVICES_MAX } from './limits.ts'
import { Bilingual, Name, text } from './text.ts'
import { TicketPaper } from './ticket-paper.ts'

/** Printed numbers of a service: prefix and digits, `A001` to `A999`. */
export const NumberBand = z
  .strictObject({
    prefix: z.string().regex(/^[A-Z]{0,2}$/),
    first: z.int().min(0).max(99_999),
    last: z.int().min(0).max(99_999),
    /** Digits printed, padded with zeros. */
    digits: z.int().min(1).max(5),
  })
  .refine((band) => band.first <= band.last, { error: 'first must not be above last' })
  .refine((band) => String(band.last).length <= band.digits, { error: 'last needs more digits' })
export type NumberBand = z.infer<typeof NumberBand>

export const Service = z.strictObject({ service: Name, name: Bilingual, band: NumberBand })

/** A class of customer: `credit_s` seconds of waiting are on its clock from the start. */
export const CustomerClass = z.strictObject({
  class: Name,
  name: Bilingual,
  credit_s: z.int().min(0).max(86_400),
})

/** A counter where customers can rate: asked when a visit is done. */
export const Rater = z.strictObject({ counter: Name, keys: z.int().min(3).max(5) })

/** How long a question stays open where the rules do not say. */
export const RATING_WINDOW_MS = 20_000

export const HallRules = z
  .strictObject({
    hall_name: Bilingual,
    /** IANA zone; the business day is a date of it. */
    zone: text(64),
    services: z.array(Service).min(1).max(SERVICES_MAX),
    /** The first is what a customer gets when nothing says otherwise. */
    classes: z.array(CustomerClass).min(1).max(16),
    counters: z.array(Name).min(1).max(256),
    /** A device that cannot number its events: presses closer together than this are one. */
    guard_window_ms: z.int().min(0).max(60_000).default(1_500),
    raters: z.array(Rater).max(256).optional(),
    /** The first press within this time of asking belongs to the visit; 20 s if absent. */
    rating_window_ms: z.int().min(1_000).max(300_000).optional(),
    /** What the paper says; absent: the usual ticket. */
    ticket: TicketPaper.optional(),
  })
  .check((context) => {
    const rules = context.value
    unique(
      rules.services.map((s) => s.service),
      'services',
      context.issues,
    )
    unique(
      rules.classes.map((c) => c.class),
      'classes',
      context.issues,
    )
    unique(rules.counters, 'counters', context.issues)
    unique(
      (rules.raters ?? []).map((r) => r.counter),
      'raters',
      context.issues,
    )
    bandsApart(rules.services, context.issues)
  })
export type HallRules = z.infer<typeof HallRules>

type Issues = z.core.$ZodRawIssue[]

function unique(names: string[], path: string, issues: Issues): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) !== i) {
      issues.push({
        code: 'custom',
        message: `${name} is listed twice`,
        path: [path, i],
        input: name,
      })
    }
  })
}

/** Numbers never repeat within a day, so bands of one prefix may not touch. */
function bandsApart(services: z.infer<typeof Service>[], issues: Issues): void {
  services.forEach((a, i) => {
    const clash = services
      .slice(0, i)
      .find(
        (b) =>
          a.band.prefix === b.band.prefix &&
          a.band.first <= b.band.last &&
          b.band.first <= a.band.last,
      )
    if (clash !== undefined) {
      const message = `numbers overlap those of ${clash.service}`
      issues.push({ code: 'custom', message, path: ['services', i, 'band'], input: a.band })
    }
  })
}
