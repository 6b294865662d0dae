/**
 * Orders over the local API. The caller's own id is the key: the same PUT again changes nothing. A
 * confirmation names the content hash that PUT answered, so nobody confirms what they did not see.
 */
import { randomBytes } from 'node:crypto'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault } from '#devices/std/fault.ts'
import { type LocalEnv, needsCounter, needsRole } from './guard.ts'
import type { LocalDeps, OrderView } from './ports.ts'
import { pageOf } from './routes-tickets.ts'
import {
  bodyOf,
  ConfirmBody,
  KeyHeader,
  Order,
  OrderBody,
  OrderPath,
  PageQuery,
  Recorded,
  ResultBody,
  route,
} from './schemas.ts'
import type { Caller } from './tokens.ts'
import { contentHash, record, sourceOf, standingOf } from './write.ts'

const put = route(
  {
    method: 'put',
    path: '/orders/{order}',
    summary: 'Enter an order, or change it until it is confirmed',
    request: { params: OrderPath, body: bodyOf(OrderBody) },
  },
  Recorded,
)
const one = route(
  {
    method: 'get',
    path: '/orders/{order}',
    summary: 'One order, and whether it is booked',
    request: { params: OrderPath },
  },
  Order,
)
const list = route(
  { method: 'get', path: '/orders', summary: "Today's orders", request: { query: PageQuery } },
  z.object({ orders: z.array(Order), more: z.boolean() }),
)
const confirm = route(
  {
    method: 'post',
    path: '/orders/{order}/confirm',
    summary: 'The customer confirmed exactly this content',
    request: { params: OrderPath, headers: KeyHeader, body: bodyOf(ConfirmBody) },
  },
  Recorded,
)
const result = route(
  {
    method: 'post',
    path: '/orders/{order}/result',
    summary: 'What the business system made of it',
    request: { params: OrderPath, headers: KeyHeader, body: bodyOf(ResultBody) },
  },
  Recorded,
)

export function addOrders(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(put, async (c) => {
    const { order } = c.req.valid('param')
    const body = c.req.valid('json')
    const caller = needsCounter(c, body.counter)
    // An order of another counter may not be taken over by entering it here.
    const known = deps.hall.order(order)
    if (known !== null) needsCounter(c, known.counter)
    const content = { order, ...body, content_hash: contentHash({ order, ...body }) }
    const ask = { type: 'order.enter', content } as const
    return c.json(await record(deps, ask, sourceOf(caller, onceKey())), 200)
  })
  api.openapi(one, (c) => {
    needsRole(c, 'clerk', 'replay', 'installer')
    return c.json(showOrder(deps, orderView(deps, c.req.valid('param').order)), 200)
  })
  api.openapi(list, (c) => {
    needsRole(c, 'clerk', 'replay', 'installer')
    const { items, more } = pageOf(deps.hall.orders(), (o) => o.order, c.req.valid('query'))
    return c.json({ orders: items.map((order) => showOrder(deps, order)), more }, 200)
  })
  api.openapi(confirm, async (c) => {
    const { order } = c.req.valid('param')
    const caller = needsOrder(c, deps, order)
    const ask = { type: 'order.confirm', order, ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
  api.openapi(result, async (c) => {
    const { order } = c.req.valid('param')
    const caller = needsOrder(c, deps, order)
    const ask = { type: 'order.result', order, ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
}

/**
 * A repeat of a PUT is known by the order's own id and content. Under a key of its own an order
 * can also be changed and changed back, which one key for all of them would refuse.
 */
function onceKey(): string {
  return `put-${randomBytes(8).toString('hex')}`
}

/** Where a token is bound to a counter, the order must be of that counter. */
function needsOrder(c: Context<LocalEnv>, deps: LocalDeps, order: string): Caller {
  const caller = needsRole(c, 'clerk', 'replay')
  if (caller.counter !== null) needsCounter(c, orderView(deps, order).counter)
  return caller
}

function orderView(deps: LocalDeps, order: string): OrderView {
  const view = deps.hall.order(order)
  if (view === null) throw new Fault('not_found', 'order')
  return view
}

function showOrder(deps: LocalDeps, view: OrderView): z.infer<typeof Order> {
  const { place, lines, tenders, ...order } = view
  return { ...order, lines: [...lines], tenders: [...tenders], ...standingOf(deps, place) }
}
