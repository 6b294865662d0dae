/**
 * Counters over the local API: sign in, call, serve, finish; the counter's own screen may see the
 * card in clear, over loopback or TLS and with a token of that counter. A kiosk, and whoever talks
 * in messages, gets it only as a JWE to a key of its own.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { Name } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Card } from '#devices/types/card.ts'
import type { Ask } from '../hall/input.ts'
import { sealTo } from '../seal/session-key.ts'
import { sessionOf } from './counter-session.ts'
import { type LocalEnv, needsCounter, needsOwnCounter } from './guard.ts'
import type { CounterView, LocalDeps } from './ports.ts'
import { showTicket } from './routes-tickets.ts'
import {
  bodyOf,
  CallBody,
  Counter,
  CounterPath,
  KeyHeader,
  Recorded,
  route,
  SealedCard,
  SealedCardBody,
  SignInBody,
} from './schemas.ts'
import { record, sourceOf } from './write.ts'

/** Buttons of a counter that say nothing but which. */
const buttons: Readonly<Record<string, { summary: string; ask: (counter: string) => Ask }>> = {
  'sign-out': {
    summary: 'The clerk leaves the counter',
    ask: (counter) => ({ type: 'counter.sign_out', counter }),
  },
  'call-next': {
    summary: 'Call whoever has the longest wait, credit of the class counted in',
    ask: (counter) => ({ type: 'call.next', counter }),
  },
  recall: {
    summary: 'Call the same number again',
    ask: (counter) => ({ type: 'recall', counter }),
  },
  serve: { summary: 'The called customer is here', ask: (counter) => ({ type: 'serve', counter }) },
  done: { summary: 'The visit is over', ask: (counter) => ({ type: 'done', counter }) },
  'no-show': {
    summary: 'The called customer did not come',
    ask: (counter) => ({ type: 'no_show', counter }),
  },
  'ask-rating': {
    summary: 'Ask the customer of this visit for a rating',
    ask: (counter) => ({ type: 'rating.ask', counter }),
  },
}

const signIn = route(
  {
    method: 'post',
    path: '/counters/{counter}/sign-in',
    summary: 'A clerk opens the counter for these services, or for all',
    request: { params: CounterPath, headers: KeyHeader, body: bodyOf(SignInBody) },
  },
  Recorded,
)
const call = route(
  {
    method: 'post',
    path: '/counters/{counter}/call',
    summary: 'Call a number',
    request: { params: CounterPath, headers: KeyHeader, body: bodyOf(CallBody) },
  },
  Recorded,
)
const list = route(
  { method: 'get', path: '/counters', summary: 'All counters as they stand' },
  z.object({ counters: z.array(Counter) }),
)
const one = route(
  {
    method: 'get',
    path: '/counters/{counter}',
    summary: 'One counter as it stands',
    request: { params: CounterPath },
  },
  Counter,
)
const card = route(
  {
    method: 'get',
    path: '/counters/{counter}/card',
    summary: 'The card last read in this session, in clear, for the counter’s own screen',
    request: { params: CounterPath },
  },
  z.union([
    z.object({ fields: z.record(z.string(), z.string()) }),
    SealedCard.meta({ description: 'Over messages, always: to the key of the session.' }),
  ]),
)
const sealedCard = route(
  {
    method: 'post',
    path: '/counters/{counter}/card',
    summary: 'The same card as a JWE to a key of the caller; changes nothing',
    request: { params: CounterPath, body: bodyOf(SealedCardBody) },
  },
  SealedCard,
)

const reread = route(
  {
    method: 'post',
    path: '/counters/{counter}/card/read',
    summary:
      'Reads the card that lies at this counter once more, without lifting it; it comes as a card that was laid.',
    request: { params: CounterPath },
  },
  z.object({ counter: Name, present: z.boolean() }).openapi('CardRead'),
)

export { sessionOf }

/** `private_link`: nobody but the caller can read the answer (loopback or TLS). */
export function addCounters(
  api: OpenAPIHono<LocalEnv>,
  deps: LocalDeps,
  { private_link }: { private_link: boolean },
): void {
  addButtons(api, deps)
  api.openapi(signIn, async (c) => {
    const { counter } = c.req.valid('param')
    const caller = needsCounter(c, counter)
    const ask = { type: 'counter.sign_in', counter, ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await recordAt(deps, counter, record(deps, ask, source)), 200)
  })
  api.openapi(call, async (c) => {
    const { counter } = c.req.valid('param')
    const caller = needsCounter(c, counter)
    const ask = { type: 'call.number', counter, ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await recordAt(deps, counter, record(deps, ask, source)), 200)
  })
  api.openapi(list, (c) => {
    const counters = deps.hall.counters().map((view) => showCounter(deps, view))
    return c.json({ counters }, 200)
  })
  api.openapi(one, (c) =>
    c.json(showCounter(deps, counterView(deps, c.req.valid('param').counter)), 200),
  )
  api.openapi(card, async (c) => {
    const { counter } = c.req.valid('param')
    const { session } = c.env
    if (session === undefined) {
      needsOwnCounter(c, counter, 'clerk')
      return c.json({ fields: { ...cardFields(deps, counter, private_link) } }, 200)
    }
    // Messages never carry a card in clear, on loopback neither.
    needsOwnCounter(c, counter, 'clerk', 'kiosk')
    if (session.key === null) throw new Fault('invalid', 'say hello with a session key first')
    const fields = cardFields(deps, counter, session.private_link)
    return c.json({ jwe: await sealTo(session.key, { v: 1, counter, fields }) }, 200)
  })
  api.openapi(reread, async (c) => {
    const { counter } = c.req.valid('param')
    needsOwnCounter(c, counter, 'clerk', 'kiosk')
    const read = deps.readCard?.() ?? null
    if (read === null) throw new Fault('unavailable', 'the devices are not started yet')
    return c.json({ counter, present: await read(counter) }, 200)
  })
  api.openapi(sealedCard, async (c) => {
    const { counter } = c.req.valid('param')
    needsOwnCounter(c, counter, 'clerk', 'kiosk')
    const fields = cardFields(deps, counter, c.env.session?.private_link ?? private_link)
    const { key } = c.req.valid('json')
    return c.json({ jwe: await sealTo(key, { v: 1, counter, fields }) }, 200)
  })
}

function cardFields(deps: LocalDeps, counter: string, private_link: boolean): Card['shown'] {
  // A key that came over a link in clear may be anybody's.
  if (!private_link) throw new Fault('insecure', 'cards')
  const fields = deps.cards.read(counter, sessionOf(counterView(deps, counter)))
  if (fields === null) throw new Fault('not_found', 'no card in this session')
  return fields
}

function addButtons(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  for (const [name, { summary, ask }] of Object.entries(buttons)) {
    const button = route(
      {
        method: 'post',
        path: `/counters/{counter}/${name}`,
        summary,
        request: { params: CounterPath, headers: KeyHeader },
      },
      Recorded,
    )
    api.openapi(button, async (c) => {
      const { counter } = c.req.valid('param')
      const caller = needsCounter(c, counter)
      const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
      return c.json(await recordAt(deps, counter, record(deps, ask(counter), source)), 200)
    })
  }
}

/** A card of a session that just ended is forgotten before anybody hears of the end. */
async function recordAt<T>(deps: LocalDeps, counter: string, recorded: Promise<T>): Promise<T> {
  const answer = await recorded
  const view = deps.hall.counter(counter)
  if (view !== null) deps.cards.settle(counter, sessionOf(view))
  return answer
}

function counterView(deps: LocalDeps, counter: string): CounterView {
  const view = deps.hall.counter(counter)
  if (view === null) throw new Fault('unknown_counter', counter)
  return view
}

function showCounter(deps: LocalDeps, view: CounterView): z.infer<typeof Counter> {
  const ticket = view.ticket === null ? null : showTicket(deps, view.ticket)
  return { ...view, services: [...view.services], ticket }
}
