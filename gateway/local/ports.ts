/**
 * What the local API needs of the gateway, as types. It decides nothing itself: it checks who asks
 * and what, hands the question to the desk, and reads what the hall's state says.
 */

import type { DevicePresence } from '#devices/contract/presence.ts'
import type { Delivery, OrderLine, OrderTender } from '#devices/contract/record.ts'
import type { DisplayWish } from '#devices/types/hall-display.ts'
import type { Assumption } from '#devices/types/machine.ts'
import type { Skew } from '../clock.ts'
import type { PinDesk } from '../compose/pin-desk.ts'
import type { AddressGiven } from '../drivers/unit-driver.ts'
import type { Advice } from '../floor/advice.ts'
import type { Binding } from '../floor/binding.ts'
import type { Consumables } from '../floor/placed.ts'
import type { Answer } from '../hall/input.ts'
import type { Desk, LogStatus } from '../ports.ts'
import type { Recordings } from '../recording/recordings.ts'
import type { LinkState } from '../uplink/mqtt.ts'
import type { CardMemory } from './card-memory.ts'
import type { EventHub } from './events.ts'
import type { IdentityIntake } from './identity-intake.ts'
import type { Tokens } from './tokens.ts'

/** Where a record stands in this gateway's log. */
export type Place = { epoch: string; seq: number; refused?: string }

export type TicketState = 'waiting' | 'called' | 'serving' | 'done' | 'no_show' | 'left' | 'voided'

export type TicketView = {
  ticket: string
  number: string
  day: string
  service: string
  class: string
  state: TicketState
  /** ms since 1970 UTC. */
  issued_ms: number
  counter: string | null
  /** Times it was called again at that counter. */
  recalls: number
  /** How the last paper came out; null while nobody knows. */
  delivery: Delivery | null
  /** Its last record, where the state knows it. */
  place: Place | null
}

export type OrderState = 'entered' | 'confirmed' | 'done' | 'failed'

export type OrderView = {
  order: string
  counter: string
  clerk: string
  ticket: string | null
  state: OrderState
  lines: readonly OrderLine[]
  tenders: readonly OrderTender[]
  content_hash: string
  entered_ms: number
  place: Place | null
}

export type CounterView = {
  counter: string
  clerk: string | null
  services: readonly string[]
  ticket: TicketView | null
  /** A card was verified for this ticket or session. */
  card_present: boolean
  /** The last order entered for the open ticket; null where there is none. */
  order: string | null
}

export type DayView = { day: string; open: boolean }

export type Counts = {
  day: string | null
  tickets: number
  waiting: number
  called: number
  serving: number
  served: number
  no_shows: number
  left: number
  voided: number
  /** Tickets of unknown delivery that nobody answered. */
  undelivered: number
  orders: number
  orders_confirmed: number
  kiosk_visits: number
}

/** Reads of the synced hall state. Everything given out is a copy or frozen. */
export interface HallView {
  /** Today's or the last day's; null before the first. */
  day(): DayView | null
  counters(): readonly CounterView[]
  counter(counter: string): CounterView | null
  /** Tickets of the open day, oldest first. */
  tickets(): readonly TicketView[]
  ticket(ticket: string): TicketView | null
  orders(): readonly OrderView[]
  order(order: string): OrderView | null
  counts(): Counts
  /** Names in both languages for pages; null before the first configuration. */
  about(): HallAbout | null
}

export type HallAbout = {
  hall_name: { zh: string; en: string }
  /** IANA zone of the hall. */
  zone: string
  services: readonly { service: string; name: { zh: string; en: string }; waiting: number }[]
}

/** A frame as it may be shown: never its bytes, so that no card can be in it. */
export type FrameView = {
  at_ms: number
  direction: 'in' | 'out'
  command: string
  length: number
  status: string
}

export type DeviceView = DevicePresence & {
  /** Where it is plugged in, as in the config. */
  at: string
  counter: string | null
  /** What it says it is; null while unknown. */
  identity: string | null
  firmware: string | null
  counters: Readonly<Record<string, number>>
  /** A link that carries cards in clear outside this machine. */
  plain_link: boolean
  /** Whether it is the one that belongs there. */
  binding: Binding
  consumables: Consumables
  /** The last of each reading it gave, by name with its unit. */
  readings: Readonly<Record<string, number>>
  /** What it says of itself in words: power, input and the like. */
  facts: Readonly<Record<string, string>>
  /** What to do about its reason; null where only the reason can be said. */
  advice: Advice | null
  /** What is believed of its kind without a second source. */
  assumptions: readonly Assumption[]
  /** The last few, oldest first; at most {@link FRAMES_SHOWN_MAX}. */
  frames: readonly FrameView[]
}
export const FRAMES_SHOWN_MAX = 50

export type GatewayStatus = {
  gateway: string
  /** Null before enrolment. */
  hall: string | null
  version: string
  config_version: number
  log: LogStatus
  /** Another gateway owns the hall: this one records and ships nothing. */
  not_owner: boolean
  link: LinkState
  skew: Skew | null
  clock: { source: 'real' | 'stepped'; set: boolean; wall_ms: number | null }
  disk: { used_bytes: number; quota_bytes: number }
  /** Codes or short texts, of the log and of everything else. */
  alarms: readonly string[]
}

/** Moves the stepped clock; the answer says what the clock shows now. */
export interface TimeStepper {
  set(wall_ms: number): Promise<'moved' | 'behind'>
}

/** Faults of `confirm`: `not_found`, `wrong_state`. */
export interface Installation {
  confirm(device: string, identity: string, by: string): Promise<Answer>
  /** `not_found`, `unsupported`. */
  setAddress(device: string): Promise<AddressGiven>
  /** `not_found`, `unsupported`, `invalid`. */
  setPanel(device: string, wish: DisplayWish): Promise<void>
  readonly touch: {
    view(): { until_ms: number | null; touched: readonly { device: string; at_ms: number }[] }
    begin(minutes: number): void
    end(): void
  }
}

/** Faults: `not_found`, `wrong_state`, `overloaded`. */
export type RecordingDesk = Pick<Recordings, 'list' | 'start' | 'stop' | 'read'>

/** Names and numbers of one channel: open connections, and refusals by reason. */
export type ChannelCounts = Readonly<Record<string, number>>

export type LocalDeps = {
  /** Whether the hall is open yet: before it, nothing is known of counters, tickets and orders. */
  ready?: () => boolean
  desk: Desk
  hall: HallView
  status(): Promise<GatewayStatus>
  /** Takes an alarm of the hall log away, which `by` has seen. False where it is not raised. */
  clearAlarm(alarm: string, by: string): Promise<boolean>
  devices(): readonly DeviceView[]
  /** Whether a receipt covers the record at this place and the cloud could use it. */
  booked(place: Place): boolean
  cards: CardMemory
  events: EventHub
  tokens: Tokens
  /** What the channels for messages count, by channel; each puts itself in. */
  channels?: Map<string, () => ChannelCounts>
  /** Cards that somebody else's program read; absent where none is taken. */
  identity?: IdentityIntake | null
  /** The devices as whoever installs them handles them; null until they are started. */
  installation?: () => Installation | null
  /** Absent where no device's link is tapped. */
  recordings?: RecordingDesk
  /** PINs at counters' pads; null until the devices are started. */
  pins?: () => PinDesk | null
  /** Reads the card that lies at a counter once more; null until the devices are started. */
  readCard?: () => ((counter: string) => Promise<boolean>) | null
  /** Null where fact time is real: POST /time is then refused. */
  time: TimeStepper | null
}
