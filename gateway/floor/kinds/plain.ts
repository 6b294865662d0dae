/**
 * Any device type of the registry that says no more than presses and readings: a new type is placed
 * on the floor without a driver of its own. Readings are kept as the last of each name.
 * Raises Fault `config_invalid` for a type that is not in the registry.
 */
import { Fault } from '#devices/std/fault.ts'
import { deviceTypes } from '#devices/types/index.ts'
import type { DeviceType, PlainInput } from '#devices/types/machine.ts'
import { Session } from '../../drivers/session.ts'
import type { Kind } from '../placed.ts'

/** More names than any device has; what comes beyond is not kept. */
const most_readings = 32

type PlainType = DeviceType<unknown, unknown, never, PlainInput, unknown, object>

export const plainKind: Kind = ({ config, driver, hall }) => {
  const type = plainTypeOf(config.type)
  if (type === null) {
    throw new Fault('config_invalid', `${config.device}: no such device type ${config.type}`)
  }
  const readings = new Map<string, number>()
  const session = new Session(config.device, type, driver, {
    handlers: {
      onInput: (input) => {
        if (input.type === 'press') return hall.press({ ...input, device: config.device })
        if (readings.has(input.name) || readings.size < most_readings) {
          readings.set(input.name, input.value)
          hall.changed()
        }
        return undefined
      },
      onState: hall.changed,
    },
    options: config.options,
  })
  return {
    start: () => session.start(),
    view: () => session.view(),
    readings: () => Object.fromEntries(readings),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function plainTypeOf(name: string): PlainType | null {
  if (!Object.hasOwn(deviceTypes, name)) return null
  return deviceTypes[name as keyof typeof deviceTypes] as unknown as PlainType
}
