/**
 * The hall's floor: every configured device in its place, tied to the desk. What a device says
 * becomes an ask; what the desk wants shown or printed goes to the device that can.
 *
 * A press is acknowledged at the device only after its record is on disk. A print is asked for once
 * and always closed by its outcome. Nothing here decides about the hall, and nothing here knows a
 * class of devices: that is what kinds are for.
 */
import type { DevicePresence } from '#devices/contract/presence.ts'
import type { Stamp } from '#devices/contract/record.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import type { Random } from '#devices/std/random.ts'
import type { Card } from '#devices/types/card.ts'
import type { DisplayWish } from '#devices/types/hall-display.ts'
import type { CounterPad } from '../compose/pin-desk.ts'
import type { DeviceConfig } from '../config.ts'
import { knownDeviceTypes } from '../drivers/known-types.ts'
import type { DriverParts, DeviceView as DriverView, PressOutcome } from '../drivers/session.ts'
import type { AddressGiven, Press } from '../drivers/unit-driver.ts'
import { shownAt } from '../hall/effects.ts'
import type { Answer, Ask, Effect } from '../hall/input.ts'
import { waitingFor } from '../hall/queue.ts'
import { ratingAt } from '../hall/ratings.ts'
import type { HallState } from '../hall/state.ts'
import type { DeviceView } from '../local/ports.ts'
import type { Desk } from '../ports.ts'
import { adviceFor } from './advice.ts'
import { type Binding, type HeldBack, isHeldBack } from './binding.ts'
import { CallPace } from './call-pace.ts'
import { Identities } from './identities.ts'
import { kindOf } from './kinds/index.ts'
import { Lines } from './lines.ts'
import type { HallSide, Placed, RatingPress } from './placed.ts'
import { askOf } from './presses.ts'
import { type PrintingParts, print } from './printing.ts'
import { Touch } from './touch.ts'

export type FloorParts = {
  devices: readonly DeviceConfig[]
  pace: Pace
  random: Random
  logger: Logger
  wall_ms: () => number
  /** Fact time. */
  stamp: () => Stamp
  desk: Desk
  /** The synced state. */
  state: () => Readonly<HallState>
  /** A card was laid at a counter; `source` numbers the reading. */
  onCard: (counter: string, card: Card, device: string) => void
  /** A device's state changed. */
  onState: () => void
  /** For whoever records a device's link. */
  tap?: (config: DeviceConfig) => NonNullable<DriverParts['tap']>
  /** What a device said was kept from the hall: pages and the counter are told. */
  onHeldBack?: (device: string, counter: string | null, why: HeldBack) => void
}

/** A key that is pressed again and again is told of once in so long, or it would drown the rest. */
const held_back_ms = 1_000

/** How a press is known again. */
type Source = { device: string; boot: string; event: number }
type Standing = { config: DeviceConfig; placed: Placed }

export class Floor implements AsyncDisposable {
  readonly #parts: FloorParts
  readonly #standing: Standing[] = []
  readonly #calls = new CallPace()
  readonly #printing: PrintingParts
  readonly #lines: Lines
  readonly #identities: Identities
  /** Device → when it was last told that it is held back. */
  readonly #heldBack_ms = new Map<string, number>()
  readonly touch: Touch

  constructor(parts: FloorParts) {
    this.#parts = parts
    this.#identities = new Identities({ ...parts, identity: (device) => this.#identityOf(device) })
    this.touch = new Touch(parts, () => {
      for (const { placed } of this.#standing) placed.show?.()
    })
    this.#lines = new Lines(parts.devices, { pace: parts.pace, log: parts.logger })
    this.#printing = {
      ...parts,
      printers: () => this.#all().filter((placed) => placed.print !== undefined),
      wait: (service, ahead) => this.#calls.wait(service, ahead),
    }
    for (const config of parts.devices) {
      const placed = kindOf(config.type)({
        config,
        driver: this.#driverParts(config),
        hall: this.#hallSide(config),
      })
      this.#standing.push({ config, placed })
    }
  }

  start(): void {
    const { counters } = this.#parts.state()
    for (const { config, placed } of this.#standing) {
      placed.attend?.((counters[config.counter ?? '']?.clerk ?? null) !== null)
      placed.start()
    }
    this.#showWaiting(this.#parts.state())
  }

  #hallSide(config: DeviceConfig): HallSide {
    const { device, counter } = config
    return {
      press: async (press) => {
        return this.#isKept(config) ? 'refused' : this.#pressed(press, counter)
      },
      rating: async (rating) => {
        return this.#isKept(config) ? 'refused' : this.#rated(rating, counter)
      },
      card: (card) => {
        if (this.#isKept(config) || counter === undefined) return
        this.#parts.onCard(counter, card, device)
      },
      shown: () => this.#shownAt(config),
      changed: () => {
        this.#identities.noticed(config)
        this.#parts.onState()
      },
    }
  }

  /** Whether what the device says goes no further: it is being touched, or is not the one that belongs there. */
  #isKept(config: DeviceConfig): boolean {
    const { device, counter } = config
    if (this.#isTouchable(counter)) {
      this.touch.touched(device)
      return true
    }
    const binding = this.#identities.of(config)
    if (!isHeldBack(binding)) return false
    const now_ms = this.#parts.pace.now_ms()
    if (now_ms - (this.#heldBack_ms.get(device) ?? Number.NEGATIVE_INFINITY) < held_back_ms)
      return true
    this.#heldBack_ms.set(device, now_ms)
    this.#parts.onHeldBack?.(device, counter ?? null, binding.state)
    return true
  }

  #isTouchable(counter: string | undefined): boolean {
    const clerk = counter === undefined ? null : this.#parts.state().counters[counter]?.clerk
    return this.touch.on && (clerk ?? null) === null
  }

  #shownAt(config: DeviceConfig): string {
    if (this.#isTouchable(config.counter)) {
      const place = this.#parts.devices.indexOf(config) + 1
      return String(place).padStart(2, '0')
    }
    return config.counter === undefined ? 'blank' : this.#shown(config.counter)
  }

  #identityOf(device: string): string | null {
    const standing = this.#standing.find(({ config }) => config.device === device)
    return standing?.placed.view().identity ?? null
  }

  /** Fault `not_found`, and `unsupported` for what is not a unit of the register map. */
  async setAddress(device: string): Promise<AddressGiven> {
    const standing = this.#standing.find(({ config }) => config.device === device)
    if (standing === undefined) throw new Fault('not_found', device)
    const { setAddress } = standing.placed
    if (setAddress === undefined) throw new Fault('unsupported', `${device} has no address to set`)
    return setAddress()
  }

  /** Fault `not_found`, `unsupported` for what is no panel, `invalid` for an input it does not have. */
  async setPanel(device: string, wish: DisplayWish): Promise<void> {
    const standing = this.#standing.find(({ config }) => config.device === device)
    if (standing === undefined) throw new Fault('not_found', device)
    const { setPanel } = standing.placed
    if (setPanel === undefined) throw new Fault('unsupported', `${device} is no panel`)
    await setPanel(wish)
  }

  /** A person says that the device which answers there belongs there. Fault `not_found`, `wrong_state`. */
  async confirm(device: string, identity: string, by: string): Promise<Answer> {
    const config = this.#parts.devices.find((known) => known.device === device)
    if (config === undefined) throw new Fault('not_found', device)
    const answer = await this.#identities.confirm(config, identity, by)
    // A place that a device left is free for what answers there.
    for (const { config: other } of this.#standing) this.#identities.noticed(other)
    return answer
  }

  #driverParts(config: DeviceConfig): DriverParts {
    const { pace, random, logger, wall_ms } = this.#parts
    const tap = this.#parts.tap?.(config)
    const transport = this.#lines.of(config)
    return { transport, pace, random, log: logger, wall_ms, ...(tap === undefined ? {} : { tap }) }
  }

  async #pressed(press: Press, counter: string | undefined): Promise<PressOutcome> {
    const ask = askOf(press, counter, this.#parts.state())
    return ask === null ? 'refused' : this.#submit(ask, press)
  }

  async #rated(rating: RatingPress, counter: string | undefined): Promise<PressOutcome> {
    if (counter === undefined) return 'refused'
    const { key, score, keys, request } = rating
    return this.#submit({ type: 'rating.press', counter, key, score, keys, request }, rating)
  }

  /** `recorded` only once it is on disk; a disk that fails for a moment leaves the press latched. */
  async #submit(ask: Ask, { device, boot, event }: Source): Promise<PressOutcome> {
    const answer = await this.#parts.desk.submit(ask, { device, boot, event })
    if (answer.outcome === 'recorded') return 'recorded'
    if (answer.fault.transient && answer.fault.code !== 'disk_full') throw answer.fault
    return 'refused'
  }

  /** Takes effects of synced records. */
  act(effects: readonly Effect[], state: Readonly<HallState>): void {
    for (const effect of effects) {
      if (effect.type === 'shown') this.#show(effect.counter, state)
      else if (effect.type === 'rate') this.#askRating(effect.counter, state)
      else if (effect.type === 'print') void print(this.#printing, effect, state)
    }
    this.#showWaiting(state)
  }

  #showWaiting(state: Readonly<HallState>): void {
    for (const { config, placed } of this.#standing) {
      if (placed.showWaiting === undefined || config.counter === undefined) continue
      const row = state.counters[config.counter]
      const open = row !== undefined && row.clerk !== null
      placed.showWaiting(open ? waitingFor(state, row.services) : null)
    }
  }

  #askRating(counter: string, state: Readonly<HallState>): void {
    const rating = ratingAt(state as HallState, counter, this.#parts.stamp())
    const request = rating.state === 'asking' ? rating.request : null
    for (const placed of this.#at(counter)) placed.askRating?.(request)
  }

  /** The pads of a counter that can take a PIN; one that does not belong there counts as away. */
  pinPads(counter: string): CounterPad[] {
    return this.#standing.flatMap(({ config, placed }) => {
      const { device, counter: at } = config
      const { pin } = placed
      if (at !== counter || pin === undefined) return []
      const online = placed.view().state === 'online' && !this.#identities.isHeldBack(config)
      return [{ ...pin, device, online }]
    })
  }

  #show(counter: string, state: Readonly<HallState>): void {
    const open = (state.counters[counter]?.clerk ?? null) !== null
    for (const placed of this.#at(counter)) {
      placed.attend?.(open)
      placed.show?.()
    }
    const ticket = state.tickets[state.counters[counter]?.ticket ?? '']
    if (ticket === undefined) return
    this.#calls.saw(counter, ticket.ticket, ticket.service, this.#parts.stamp().wall_ms)
  }

  #shown(counter: string): string {
    const shown = shownAt(this.#parts.state() as HallState, counter)
    return typeof shown === 'string' ? shown : shown.number
  }

  #all(): Placed[] {
    return this.#standing.map(({ placed }) => placed)
  }

  #at(counter: string): Placed[] {
    return this.#standing.filter((s) => s.config.counter === counter).map(({ placed }) => placed)
  }

  /** The card that lies at a counter, once more; false where none does. Fault `not_found` without a reader. */
  async readCard(counter: string): Promise<boolean> {
    const readers = this.#at(counter).flatMap(({ readCard }) => readCard ?? [])
    if (readers.length === 0) throw new Fault('not_found', `no card reader at ${counter}`)
    const found = await Promise.all(readers.map((read) => read()))
    return found.includes(true)
  }

  /** A counter's readers drop their copy of the card. */
  forgetCards(counter: string): void {
    for (const placed of this.#at(counter)) placed.forgetCard?.()
  }

  views(): DeviceView[] {
    return this.#standing.map(({ config, placed }) => {
      return viewOf(config, placed, this.#identities.of(config))
    })
  }

  presence(): DevicePresence[] {
    return this.views().map(({ device, type, state, reason, since_ms }) => {
      return { device, type, state, reason: reason.slice(0, 64), since_ms: Math.round(since_ms) }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.touch.end()
    await Promise.all(this.#all().map((placed) => placed[Symbol.asyncDispose]()))
    await this.#lines[Symbol.asyncDispose]()
  }
}

/** Who is not known to be the right one may well be it: it works on and says nothing to the hall. */
function standingOf(
  type: string,
  { state, reason }: Pick<DriverView, 'state' | 'reason'>,
  binding: Binding,
): Pick<DeviceView, 'state' | 'reason'> {
  if (state !== 'online' || !isHeldBack(binding)) return { state, reason }
  if (binding.state !== 'unconfirmed') return { state: 'not_configured', reason: binding.state }
  return { state, reason: adviceFor(type, reason) === null ? binding.state : reason }
}

function viewOf(config: DeviceConfig, placed: Placed, binding: Binding): DeviceView {
  const view = placed.view()
  const { state, reason } = standingOf(config.type, view, binding)
  return {
    ...view,
    ...{ state, reason, binding },
    at: config.at,
    counter: config.counter ?? null,
    plain_link: config.plain_link === 'accepted',
    consumables: placed.consumables?.() ?? {},
    readings: placed.readings?.() ?? {},
    facts: placed.facts?.() ?? {},
    advice: adviceFor(config.type, reason),
    assumptions: knownDeviceTypes.get(config.type)?.assumptions ?? [],
  }
}
