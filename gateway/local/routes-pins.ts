/**
 * A PIN for an order: the customer agreed on a screen to exactly the content of that hash, and enters
 * it at the counter's pad. What the pad gave comes back as a JWE to the caller's own key and is kept
 * nowhere; the log has who, where, what for and how it ended.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { ContentHash, PinOutcome } from '#devices/contract/record.ts'
import { FreshId, Name, text } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { sealPinBy } from '../drivers/pin-prompt.ts'
import { sealTo } from '../seal/session-key.ts'
import { type LocalEnv, needsCounter } from './guard.ts'
import type { LocalDeps } from './ports.ts'
import { bodyOf, ClientKey, OrderPath, route } from './schemas.ts'

const PinBody = z.strictObject({
  content_hash: ContentHash,
  /** Where the customer saw that content and agreed to it. */
  screen: Name,
  /** Goes into the pad's block and is forgotten with the answer. */
  account: z.string().regex(/^\d{1,19}$/),
  digits: z.int().min(1).max(16).default(6),
  key: ClientKey,
})

const pin = route(
  {
    method: 'post',
    path: '/orders/{order}/pin',
    summary: 'Ask for a PIN at the order’s counter; answers when the customer is done',
    request: { params: OrderPath, body: bodyOf(PinBody) },
  },
  z
    .object({
      outcome: PinOutcome,
      /** The pad's own word. */
      reason: text(64),
      request: FreshId,
      jwe: z.string().nullable(),
    })
    .openapi('PinEntry'),
)

export function addPins(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(pin, async (c) => {
    const { order } = c.req.valid('param')
    const known = deps.hall.order(order)
    if (known === null) throw new Fault('not_found', 'order')
    needsCounter(c, known.counter)
    const desk = deps.pins?.() ?? null
    if (desk === null) throw new Fault('unavailable', 'the devices are not started yet')
    const { key, ...wanted } = c.req.valid('json')
    const seal = sealPinBy((secret) => sealTo(key, { v: 1, order, secret }))
    const done = await desk.begin({ ...wanted, order, counter: known.counter, seal })
    if (done.outcome === 'refused') throw done.fault
    const { outcome, reason, request, sealed } = done
    return c.json({ outcome, reason, request, jwe: sealed }, 200)
  })
}
