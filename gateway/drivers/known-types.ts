/** The registry of device types, as the configuration's check and the floor want to know it. */
import { deviceTypes } from '#devices/types/index.ts'
import type { Assumption } from '#devices/types/machine.ts'
import { checkOptions, type OptionProblem } from '#devices/types/options.ts'
import type { SerialLine } from '../transports/address.ts'

export type KnownDeviceType = {
  title: { zh: string; en: string }
  protocol: string
  carries_cards: boolean
  /** It never says who it is. */
  nameless: boolean
  assumptions: readonly Assumption[]
  line: Partial<SerialLine>
  check(options: Readonly<Record<string, unknown>>): readonly OptionProblem[]
}

export const knownDeviceTypes: ReadonlyMap<string, KnownDeviceType> = new Map(
  Object.values(deviceTypes).map((type) => [
    type.name,
    {
      title: type.title,
      protocol: type.protocol,
      carries_cards: type.carries_cards,
      nameless: type.nameless === true,
      assumptions: type.assumptions ?? [],
      line: type.line ?? {},
      check: (options) => checkOptions<never>(type.rules, options),
    },
  ]),
)
