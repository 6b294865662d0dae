/**
 * The people of one demonstration hall, in real time: customers who press the panel and take their
 * paper, clerks who call with their pads, lay cards, enter orders and say done, and customers who
 * type a PIN and rate. They work through the same devices and the same local API as real ones, and
 * try again when something is away.
 */
import { randomBytes } from 'node:crypto'
import { sleep } from '#devices/std/clock.ts'
import type { Log } from '#devices/std/log.ts'
import type { Random } from '#devices/std/random.ts'
import type { EventCode } from '#devices/wire/register-map.ts'
import { realPace } from '../pace.ts'
import { cardOf } from '../people/cards.ts'
import type { CounterDevices, Hardware } from '../people/hardware.ts'
import type { HttpClient } from '../people/http.ts'
import { drawRating, type RatingWish } from '../people/ratings.ts'
import { seeded } from '../people/seeded.ts'
import type { DemoHall } from './halls.ts'
import { enterOrder, typesPins } from './orders.ts'

export type DemoParts = {
  about: DemoHall
  hardware: Hardware
  local: HttpClient
  log: Log
  stopping: () => boolean
}

type CounterView = {
  clerk: string | null
  ticket: { ticket: string; number: string; state: string } | null
  card_present: boolean
}

const run = randomBytes(4).toString('hex')
/** People who are in the hall when the doors open. */
const FIRST_PEOPLE = 6
/** Who sees so many waiting comes another day. */
const FULL_HALL = 15
const pause = (seconds: number) => sleep(realPace, seconds * 1_000, 'demo')
const around = (seconds: number) => seconds * (0.4 + 1.2 * Math.random())

export async function livelyHall(parts: DemoParts): Promise<void> {
  for (const { pin_pad } of parts.hardware.counters.values()) {
    if (pin_pad !== null) typesPins(pin_pad)
  }
  await untilReady(parts)
  while (!parts.stopping() && !(await tried(parts, () => openDoors(parts))));
  const counters = parts.about.rules.counters.map((counter) =>
    keepAtIt(parts, () => clerk(parts, counter)),
  )
  await Promise.all([keepAtIt(parts, () => customers(parts)), ...counters])
}

async function keepAtIt(parts: DemoParts, work: () => Promise<void>): Promise<void> {
  while (!parts.stopping()) await tried(parts, work)
}

/** Whatever goes wrong is said; false a moment later, for trying again. */
async function tried(parts: DemoParts, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 120) : 'unknown'
    parts.log('debug', 'demo.again', { hall: parts.about.hall, reason })
    await pause(1)
    return false
  }
}

async function openDoors(parts: DemoParts): Promise<void> {
  await openDay(parts)
  const missing = FIRST_PEOPLE - (await waiting(parts))
  for (let i = 0; i < missing && !parts.stopping(); i++) await takePaper(parts)
}

async function untilReady({ local, stopping }: DemoParts): Promise<void> {
  while (!stopping()) {
    const answer = await local.ask({ path: '/status' }).catch(() => null)
    if (answer?.status === 200) return
    await pause(0.2)
  }
}

/** The gateway opens the day in the morning; at night the demonstration opens it by hand. */
async function openDay({ local, about, stopping }: DemoParts): Promise<void> {
  for (let look = 0; look < 20 && !stopping(); look++) {
    const day = await local.json<{ open: boolean }>({ path: '/day' })
    if (day.open) return
    await pause(0.25)
  }
  const today = Temporal.Now.plainDateISO(about.rules.zone).toString()
  const body = { day: today, confirmed_by: 'demo' }
  await local.ask({ method: 'POST', path: '/day/open', key: `day-${run}`, body })
}

async function customers(parts: DemoParts): Promise<void> {
  await pause(-Math.log(1 - Math.random()) * parts.about.arrival_s)
  if ((await waiting(parts)) < FULL_HALL) await takePaper(parts)
}

async function waiting({ local }: DemoParts): Promise<number> {
  return (await local.json<{ waiting: number }>({ path: '/counts' })).waiting
}

async function takePaper({ hardware, about }: DemoParts): Promise<void> {
  const { services, classes } = about.rules
  const service = Math.floor(Math.random() * services.length)
  const row = Math.random() < 0.1 ? classes.length - 1 : 0
  await hardware.panel.press('ticket', 1 + service + services.length * row)
}

async function clerk(parts: DemoParts, counter: string): Promise<void> {
  const devices = parts.hardware.counters.get(counter)!
  const view = await look(parts, counter)
  if (view.clerk === null) return signIn(parts, counter)
  // What a killed run left open is finished first.
  if (view.ticket !== null) return finish(parts, counter, devices)
  const { outcome } = await devices.pad.press('next')
  if (outcome === 'refused') return pause(around(2))
  await pause(around(2))
  if (Math.random() < 0.06) return nobodyCame(devices)
  await key(devices, 'start')
  await finish(parts, counter, devices)
}

function look({ local }: DemoParts, counter: string): Promise<CounterView> {
  return local.json<CounterView>({ path: `/counters/${counter}` })
}

async function signIn({ local, about }: DemoParts, counter: string): Promise<void> {
  const body = { clerk: about.clerks[counter] ?? `clerk-${counter}` }
  const path = `/counters/${counter}/sign-in`
  await local.ask({ method: 'POST', path, key: `in-${run}-${counter}-${fresh()}`, body })
}

async function nobodyCame(devices: CounterDevices): Promise<void> {
  await key(devices, 'recall')
  await pause(around(3))
  await key(devices, 'no_show')
}

async function finish(parts: DemoParts, counter: string, devices: CounterDevices): Promise<void> {
  if (Math.random() < 0.6) await showCard(parts, counter, devices)
  await pause(around(parts.about.service_s))
  const { pin_pad } = devices
  if (Math.random() < 0.8) await enterOrder(parts.local, { counter, run, pin_pad })
  await key(devices, 'done')
  // The counter goes on while the customer looks at the pad.
  rate(devices, wishOf(parts, counter)).catch(() => {})
  await pause(around(2))
}

async function rate({ rater }: CounterDevices, wish: RatingWish): Promise<void> {
  if (rater === null || wish.key === null) return
  await pause(wish.after_s)
  // Whoever looks at a pad that asks nothing leaves.
  if (!rater.asks()) return
  await rater.rate(wish.key)
  if (!wish.again) return
  await pause(0.5)
  await rater.rate(wish.key)
}

const wishes = new Map<string, Random>()

/** One stream of wishes a counter. */
function wishOf({ about }: DemoParts, counter: string): RatingWish {
  const name = `${about.hall} ${counter}`
  const random = wishes.get(name) ?? seeded('ratings', run, name)
  wishes.set(name, random)
  return drawRating(random)
}

async function showCard(
  parts: DemoParts,
  counter: string,
  { reader }: CounterDevices,
): Promise<void> {
  reader.placeCard({ text: cardOf(`demo ${run}`, Math.floor(Math.random() * 9_000_000)) })
  for (let i = 0; i < 30 && !parts.stopping(); i++) {
    await pause(0.1)
    if ((await look(parts, counter)).card_present) break
  }
  reader.removeCard()
}

async function key({ pad }: CounterDevices, code: EventCode): Promise<void> {
  await pad.press(code)
}

const fresh = () => randomBytes(6).toString('hex')
