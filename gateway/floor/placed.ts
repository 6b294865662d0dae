/**
 * A device in its place: what a kind makes of a configured device, and what the hall does for it.
 * Types only. A kind ties one class's driver to the hall; what it cannot do it leaves out, and the
 * floor never asks it for that.
 */
import type { Delivery } from '#devices/contract/record.ts'
import type { Card } from '#devices/types/card.ts'
import type { DisplayWish } from '#devices/types/hall-display.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import type { DeviceConfig } from '../config.ts'
import type { PromptsPin } from '../drivers/pin-prompt.ts'
import type { DriverParts, DeviceView as DriverView, PressOutcome } from '../drivers/session.ts'
import type { AddressGiven, Press } from '../drivers/unit-driver.ts'

/** What the hall does for one device. Everything a person did is answered only once it is on disk. */
export interface HallSide {
  /** The same (device, boot, event) is the same press. Rejects when nothing was decided. */
  press(press: Press): Promise<PressOutcome>
  /** A rating key, with the question it answers; null where it answers none. */
  rating(rating: RatingPress): Promise<PressOutcome>
  /** A card was laid. It is sealed at once and kept nowhere else. */
  card(card: Card): void
  /** What the device's counter shows: `blank`, `paused` or a printed number. */
  shown(): string
  /** The view of the device changed. */
  changed(): void
}

export type RatingPress = {
  device: string
  boot: string
  event: number
  /** From 1. */
  key: number
  /** 5 (best) to 1. */
  score: number
  /** How many keys the pad has. */
  keys: number
  request: string | null
}

export type PlaceParts = { config: DeviceConfig; driver: DriverParts; hall: HallSide }

/** Levels of what a device uses up, by name: `ok`, `low` or `out`. */
export type Consumables = Readonly<Record<string, 'ok' | 'low' | 'out'>>

export interface Placed extends AsyncDisposable {
  start(): void
  view(): DriverView
  /** What its counter shows may have changed. */
  show?(): void
  /** People in line for its counter; null while that is closed. For those that have digits for it. */
  showWaiting?(waiting: number | null): void
  /** One paper out of one job; never rejects, never prints twice. */
  print?(job: PrintJob): Promise<Delivery>
  /** Whether its counter is open: it is asked more often then, and missed sooner. */
  attend?(open: boolean): void
  /** The question the counter's customer is asked; null ends it. */
  askRating?(request: string | null): void
  /** Present where a customer can enter a PIN or a password. */
  pin?: PromptsPin
  /** Gives the unit of which somebody holds a key the address of this place. */
  setAddress?(): Promise<AddressGiven>
  /** Hands the card that lies there to the hall once more; false where none does. */
  readCard?(): Promise<boolean>
  /** Drops the card it holds in memory. */
  forgetCard?(): void
  consumables?(): Consumables
  /** The last of each reading it gave, by name with its unit. */
  readings?(): Readonly<Record<string, number>>
  /** What it says of itself in words, by name: as it came where nobody listed it. */
  facts?(): Readonly<Record<string, string>>
  /** Power and input of a panel. Fault `invalid` for an input it does not have. */
  setPanel?(wish: DisplayWish): Promise<void>
}

export type Kind = (parts: PlaceParts) => Placed
