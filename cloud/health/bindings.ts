/**
 * The projection `bindings`: which device belongs where in a hall, by what it says it is. A device
 * belongs to one place: bound to another one, it has left the place before. Faults that mark a record
 * rejected: `not_found` (no device is bound there), `wrong_state` (another one was there, as after a
 * branch of the log).
 */
import type { RecOf } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import type { ColumnType, Projection, Put, Row, TableSpec, Value } from '../ports.ts'

export type BoundDeviceRow = {
  device: string
  type: string
  identity: string
  /** Where it is plugged in. */
  place: string
  counter: string | null
  /** The place that its device was bound to since; null where it still belongs. */
  left_for: string | null
  /** Who bound, replaced or moved it last, and when: ms since 1970 UTC of the hall's clock. */
  bound_by: string
  since_ms: number
  replacements: number
  updated_place: number
}

/** Where a device was bound last. Another one may be bound there by now. */
export type DeviceHomeRow = { identity: string; device: string }

const bound_device: TableSpec = {
  table: 'bound_device',
  key: ['device'],
  columns: {
    device: 'text',
    type: 'text',
    identity: 'text',
    place: 'text',
    counter: 'text',
    left_for: 'text',
    bound_by: 'text',
    since_ms: 'int8',
    replacements: 'int4',
    updated_place: 'int8',
  } satisfies Record<keyof BoundDeviceRow, ColumnType>,
}

const device_home: TableSpec = {
  table: 'device_home',
  key: ['identity'],
  columns: {
    identity: 'text',
    device: 'text',
  } satisfies Record<keyof DeviceHomeRow, ColumnType>,
}

type Get = (table: string, ...key: Value[]) => Row | undefined
/** Who changed a row last, when, and by which record. */
type Change = Pick<BoundDeviceRow, 'bound_by' | 'since_ms' | 'updated_place'>
type Binds = RecOf<'device.bound'> | RecOf<'device.replaced'>

const readBound = (get: Get, device: string) =>
  get('bound_device', device) as BoundDeviceRow | undefined

/** The device as it stands at the place that the record names. */
function standing(record: Binds, get: Get): Omit<BoundDeviceRow, keyof Change> {
  const known = readBound(get, record.data.device)
  if (record.kind === 'device.bound') {
    const { by: _, ...bound } = record.data
    return { ...bound, left_for: null, replacements: known?.replacements ?? 0 }
  }
  const { old_identity, new_identity } = record.data
  if (known === undefined || known.left_for !== null) throw new Fault('not_found', 'device')
  if (known.identity !== old_identity) throw new Fault('wrong_state', 'another one was bound')
  return { ...known, identity: new_identity, replacements: known.replacements + 1 }
}

/** The place where that device was bound until now, if it is another one. */
function placeBefore({ identity, device }: DeviceHomeRow, get: Get): BoundDeviceRow | null {
  const home = get('device_home', identity) as DeviceHomeRow | undefined
  if (home === undefined || home.device === device) return null
  const before = readBound(get, home.device)
  return before?.identity === identity && before.left_for === null ? before : null
}

const identityOf = ({ kind, data }: Binds): string =>
  kind === 'device.bound' ? data.identity : data.new_identity

export const bindings: Projection = {
  name: 'bindings',
  version: 2,
  tables: [bound_device, device_home],
  kinds: ['device.bound', 'device.replaced'],
  needs({ record }) {
    if (record.kind !== 'device.bound' && record.kind !== 'device.replaced') return []
    return [
      { table: 'bound_device', key: [record.data.device] },
      { table: 'device_home', key: [identityOf(record)] },
    ]
  },
  follow(table, row) {
    if (table !== 'device_home') return []
    return [{ table: 'bound_device', key: [(row as DeviceHomeRow).device] }]
  },
  fold({ place: updated_place, record }, get) {
    if (record.kind !== 'device.bound' && record.kind !== 'device.replaced') return []
    const { device, by: bound_by } = record.data
    const home: DeviceHomeRow = { identity: identityOf(record), device }
    const change: Change = { bound_by, since_ms: record.at.wall_ms, updated_place }
    const here: BoundDeviceRow = { ...standing(record, get), ...change }
    const before = placeBefore(home, get)
    const puts: Put[] = [
      { table: 'bound_device', row: here },
      { table: 'device_home', row: home },
    ]
    if (before === null) return puts
    return [...puts, { table: 'bound_device', row: { ...before, left_for: device, ...change } }]
  },
}
