/**
 * How a model file describes itself to the program: `export const sim: SimKind` in
 * `firmware-sim/models/x.ts`. The program finds the files by folder, so a new class needs no edit here.
 * Types, and the two helpers every model file wants.
 */
import type { Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import type { Settings } from '#devices/std/setting.ts'
import type { DeviceModel } from './models/model.ts'

export type Bilingual = { zh: string; en: string }

export type SimGiven = {
  pace: Pace
  random: Random
  /** At most 16 characters; what a unit says it is. */
  serial: string
  /**
   * Whether the device does wrong this time: a draw with the probability set for this fault, which is
   * one the kind lists.
   */
  wrong(fault: string): boolean
  /** Of those the kind lists, as set. */
  settings: Readonly<Record<string, string>>
}

/** What a person can do to the device, by name (`lay_card`, `open_cover`, `press`). */
export type Hands = Readonly<Record<string, (argument: string) => void>>

/** A device, and what a person does with it now and then: null where nothing can be done by hand. */
export type SimDevice = {
  model: DeviceModel
  use: (() => Promise<string>) | null
  hands?: Hands
}

export type SimKind = {
  /** The name of a device type in `devices/types/index.ts`. */
  type: string
  /** What real ones are plugged into, for the list; serial and tcp without. */
  transports?: readonly string[]
  /** What a wrong device of this type does, each with a probability of its own. */
  faults?: Readonly<Record<string, Bilingual>>
  settings?: Settings
  make(given: SimGiven): SimDevice
}

/** A person presses and walks away: that the device lost power meanwhile is no trouble of theirs. */
export function unheeded(press: Promise<unknown>): void {
  press.catch(() => {})
}

/** The same device with other bytes on its way out: each piece sent becomes those pieces. */
export function speaksWrongly(
  model: DeviceModel,
  alter: (bytes: Uint8Array) => readonly Uint8Array[],
): DeviceModel {
  return {
    attach(send) {
      model.attach((bytes) => {
        for (const piece of alter(bytes)) send(piece)
      })
    },
    detach: () => model.detach(),
    receive: (bytes) => model.receive(bytes),
  }
}
