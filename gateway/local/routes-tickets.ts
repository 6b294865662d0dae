/** Tickets over the local API: take one, look at today's, leave the queue, void. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { Fault } from '#devices/std/fault.ts'
import { type LocalEnv, needsCounter, needsRole } from './guard.ts'
import type { LocalDeps, TicketView } from './ports.ts'
import {
  bodyOf,
  KeyHeader,
  PageQuery,
  PressBody,
  Recorded,
  route,
  Ticket,
  TicketPath,
  VoidBody,
} from './schemas.ts'
import { record, sourceOf, standingOf } from './write.ts'

const press = route(
  {
    method: 'post',
    path: '/tickets',
    summary: 'Take a ticket',
    request: { headers: KeyHeader, body: bodyOf(PressBody) },
  },
  Recorded,
)
const list = route(
  { method: 'get', path: '/tickets', summary: "Today's tickets", request: { query: PageQuery } },
  z.object({ tickets: z.array(Ticket), more: z.boolean() }),
)
const one = route(
  {
    method: 'get',
    path: '/tickets/{ticket}',
    summary: 'One ticket, and whether it is booked',
    request: { params: TicketPath },
  },
  Ticket,
)
const leave = route(
  {
    method: 'post',
    path: '/tickets/{ticket}/leave',
    summary: 'The customer gave up',
    request: { params: TicketPath, headers: KeyHeader },
  },
  Recorded,
)
const voided = route(
  {
    method: 'post',
    path: '/tickets/{ticket}/void',
    summary: 'A person voids a ticket',
    request: { params: TicketPath, headers: KeyHeader, body: bodyOf(VoidBody) },
  },
  Recorded,
)

export function addTickets(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(press, async (c) => {
    const caller = needsRole(c, 'kiosk', 'clerk', 'replay')
    const { service, class: of } = c.req.valid('json')
    const ask = {
      type: 'ticket.press',
      service,
      ...(of === undefined ? {} : { class: of }),
    } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
  api.openapi(list, (c) => {
    // Not for kiosks: who knows a waiting ticket's id can make it leave.
    needsRole(c, 'clerk', 'installer', 'replay')
    const { items, more } = pageOf(deps.hall.tickets(), (t) => t.ticket, c.req.valid('query'))
    return c.json({ tickets: items.map((ticket) => showTicket(deps, ticket)), more }, 200)
  })
  api.openapi(one, (c) => {
    const ticket = deps.hall.ticket(c.req.valid('param').ticket)
    if (ticket === null) throw new Fault('not_found', 'ticket')
    return c.json(showTicket(deps, ticket), 200)
  })
  api.openapi(leave, async (c) => {
    const caller = needsRole(c, 'kiosk', 'clerk', 'replay')
    const ask = { type: 'ticket.leave', ticket: c.req.valid('param').ticket } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
  api.openapi(voided, async (c) => {
    const caller = needsRole(c, 'clerk', 'replay')
    const { ticket } = c.req.valid('param')
    const at = deps.hall.ticket(ticket)?.counter ?? null
    if (at !== null) needsCounter(c, at)
    const ask = { type: 'ticket.void', ticket, ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
}

export function showTicket(deps: LocalDeps, view: TicketView): z.infer<typeof Ticket> {
  const { place, ...ticket } = view
  return { ...ticket, ...standingOf(deps, place) }
}

/** Items behind `after`; from the start again where that one is not held any more. */
export function pageOf<T>(
  all: readonly T[],
  idOf: (item: T) => string,
  { after, limit }: { after?: string | undefined; limit: number },
): { items: readonly T[]; more: boolean } {
  const from = after === undefined ? 0 : all.findIndex((item) => idOf(item) === after) + 1
  const items = all.slice(from, from + limit)
  return { items, more: from + items.length < all.length }
}
