/** Shapes of what callers send and get, for checking and for the API's own documentation. */
import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { DevicePresence } from '#devices/contract/presence.ts'
import { ContentHash, Delivery, OrderLine, OrderTender } from '#devices/contract/record.ts'
import { CallerId, Day, FreshId, Name, text, WallMs } from '#devices/contract/text.ts'
import { JWE_CHARS_MAX } from '../seal/session-key.ts'

/** Every write but PUT /orders/{order} is numbered by its caller. */
export const KeyHeader = z.object({
  'idempotency-key': CallerId.meta({
    description:
      'Chosen by the caller, once per thing it wants done: a repeat gets the first answer.',
  }),
})

export const CounterPath = z.object({ counter: Name })
export const TicketPath = z.object({ ticket: FreshId })
export const OrderPath = z.object({ order: CallerId })
export const DevicePath = z.object({ device: Name })

const Bilingual = z.object({ zh: z.string(), en: z.string() })

export const Problem = z
  .object({
    code: z.string(),
    text: Bilingual,
    detail: z.string(),
    problems: z.array(z.object({ path: z.string(), problem: z.string() })).optional(),
  })
  .openapi('Problem')

/**
 * `recorded`: it is on this gateway's disk. `booked`: a receipt of the cloud covers it. `refused`: the
 * cloud keeps the record and could not use it, and why.
 */
export const Recorded = z
  .object({
    outcome: z.literal('recorded'),
    repeat: z.boolean(),
    booked: z.boolean().optional(),
    refused: z.string().optional(),
    ticket: FreshId.optional(),
    number: z.string().optional(),
    service: Name.optional(),
    ahead: z.int().optional(),
    counter: Name.optional(),
    order: CallerId.optional(),
    content_hash: ContentHash.optional(),
    day: Day.optional(),
  })
  .openapi('Recorded')
export type Recorded = z.infer<typeof Recorded>

const Booked = z.boolean().nullable().meta({ description: 'Null: not known for this one.' })
const Refused = z.string().nullable().meta({
  description:
    'Why the cloud, which keeps the record, could not use it; null where it could or was not asked yet.',
})

export const Ticket = z
  .object({
    ticket: FreshId,
    number: z.string(),
    day: Day,
    service: Name,
    class: Name,
    state: z.enum(['waiting', 'called', 'serving', 'done', 'no_show', 'left', 'voided']),
    issued_ms: WallMs,
    counter: Name.nullable(),
    recalls: z.int(),
    delivery: Delivery.nullable(),
    booked: Booked,
    refused: Refused,
  })
  .openapi('Ticket')

export const Order = z
  .object({
    order: CallerId,
    counter: Name,
    clerk: Name,
    ticket: FreshId.nullable(),
    state: z.enum(['entered', 'confirmed', 'done', 'failed']),
    lines: z.array(OrderLine),
    tenders: z.array(OrderTender),
    content_hash: ContentHash,
    entered_ms: WallMs,
    booked: Booked,
    refused: Refused,
  })
  .openapi('Order')

export const Counter = z
  .object({
    counter: Name,
    clerk: Name.nullable(),
    services: z.array(Name),
    ticket: Ticket.nullable(),
    card_present: z.boolean(),
    order: CallerId.nullable(),
  })
  .openapi('Counter')

export const Counts = z
  .object({
    day: Day.nullable(),
    tickets: z.int(),
    waiting: z.int(),
    called: z.int(),
    serving: z.int(),
    served: z.int(),
    no_shows: z.int(),
    left: z.int(),
    voided: z.int(),
    undelivered: z.int(),
    orders: z.int(),
    orders_confirmed: z.int(),
    kiosk_visits: z.int(),
  })
  .openapi('Counts')

export const DayNow = z.object({ day: Day.nullable(), open: z.boolean() }).openapi('Day')

const Frame = z.object({
  at_ms: WallMs,
  direction: z.enum(['in', 'out']),
  command: z.string(),
  length: z.int(),
  status: z.string(),
})

export const Device = z
  .object({
    ...DevicePresence.shape,
    at: z.string(),
    counter: Name.nullable(),
    identity: z.string().nullable(),
    firmware: z.string().nullable(),
    counters: z.record(z.string(), z.number()),
    plain_link: z.boolean(),
    binding: z.discriminatedUnion('state', [
      z.object({ state: z.literal('nameless') }),
      z.object({ state: z.literal('unconfirmed'), expected: z.string() }),
      z.object({ state: z.literal('unbound'), identity: z.string() }),
      z.object({ state: z.literal('bound'), identity: z.string() }),
      z.object({ state: z.literal('wrong_place'), identity: z.string(), belongs: z.string() }),
      z.object({ state: z.literal('stranger'), identity: z.string(), expected: z.string() }),
    ]),
    consumables: z.record(z.string(), z.enum(['ok', 'low', 'out'])),
    readings: z.record(z.string(), z.number()),
    facts: z.record(z.string(), z.string()),
    advice: z.object({ zh: z.string(), en: z.string() }).nullable(),
    assumptions: z.array(z.object({ code: z.string(), zh: z.string(), en: z.string() })),
    frames: z.array(Frame),
  })
  .openapi('Device')

export const PressBody = z.strictObject({ service: Name, class: Name.optional() })
export const VoidBody = z.strictObject({ by: Name, reason: text(120) })
export const SignInBody = z.strictObject({
  clerk: Name,
  services: z.array(Name).max(64).default([]),
})
export const CallBody = z.strictObject({ number: text(12).min(1) })
export const OrderBody = z.strictObject({
  counter: Name,
  lines: z.array(OrderLine).min(1).max(50),
  tenders: z.array(OrderTender).min(1).max(10),
  /** It is only confirmed with a PIN entered for exactly this content. */
  pin: z.literal('required').optional(),
})
export const ConfirmBody = z.strictObject({ content_hash: ContentHash })
export const ResultBody = z.strictObject({ result: z.enum(['done', 'failed']), code: text(64) })
export const KioskBody = z.strictObject({ kiosk: Name, purpose: text(64) })
export const OpenDayBody = z.strictObject({ day: Day, confirmed_by: Name.nullable().default(null) })
export const TimeBody = z.strictObject({ wall_ms: WallMs })

const Coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
const Kid = z.string().max(128).optional()

/** A client's public key for one session. Members of a private key are refused. */
export const ClientKey = z
  .discriminatedUnion('crv', [
    z.strictObject({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: Coordinate,
      y: Coordinate,
      kid: Kid,
    }),
    z.strictObject({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: Coordinate, kid: Kid }),
  ])
  .openapi('ClientKey')

export const SealedCardBody = z.strictObject({ key: ClientKey })
export const SealedCard = z
  .object({
    jwe: z.string().meta({
      description: 'Compact JWE, ECDH-ES+A256KW and A256GCM, of {v: 1, counter, fields}.',
    }),
  })
  .openapi('SealedCard')

const RESULT_JWE = `Compact JWE to the key of GET /session-key, ECDH-ES+A256KW and A256GCM, of the
JSON text {v: 1, counter, card}; card holds kind and the fields as on the chip.`

export const IdentityBody = z.strictObject({
  counter: Name,
  jwe: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$/)
    .max(JWE_CHARS_MAX)
    .meta({
      description: RESULT_JWE,
    }),
})

/** A list, oldest first: `after` is the id of the last one seen. */
export const PageQuery = z.object({
  after: CallerId.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

export const json = <S extends z.ZodType>(schema: S) => ({
  content: { 'application/json': { schema } },
})
/** A body that must be there. */
export const bodyOf = <S extends z.ZodType>(schema: S) => ({ ...json(schema), required: true })

/** Without a summary nobody knows what it is for. */
type Outline = Omit<RouteConfig, 'responses' | 'security'> & { summary: string }
/** A route behind a token: `answer` on success, problem JSON otherwise. */
export function route<const R extends Outline, S extends z.ZodType>(outline: R, answer: S) {
  const problem = {
    description: 'Refused',
    content: { 'application/problem+json': { schema: Problem } },
  }
  return createRoute({
    ...outline,
    security: [{ token: [] }],
    responses: { 200: { description: 'OK', ...json(answer) }, default: problem },
  })
}
