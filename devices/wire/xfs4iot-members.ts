/**
 * What members of XFS4IoT messages this client knows, by service class, and nothing beyond: what no
 * public source gives exactly is left out. Source: X1, the generated files of KAL_XFS4IoT_SP-Dev at
 * 083d652, each named beside its members.
 *
 * Known here
 *   ServicePublisher  GetServices, ServiceDetailEvent
 *   Common            Status (`common.device`, `cardReader.media`, `printer.media`, `printer.paper`),
 *                     Capabilities (`interfaces`, `common.deviceInformation`), Cancel,
 *                     StatusChangedEvent
 *   CardReader        ReadRawData (tracks 1 to 3, chip), Move to the exit, InsertCardEvent,
 *                     MediaInsertedEvent, MediaRemovedEvent
 *   Printer           PrintRaw without input, ControlMedia (`move`: `eject`, `cut`)
 *   Lights            SetLight
 * Left out
 *   Common            SetVersions, nonces and tokens (end-to-end security), power saving,
 *                     transaction state, all other members of Status and Capabilities
 *   CardReader        images, JIS tracks, security, watermark, memory chip, chip dialogue, EMV
 *                     contactless, writing, keys, Reset, parking and retaining
 *   Printer           forms, media definitions, images, scanning, passbooks, Reset
 *   all other classes (Keyboard, PinPad, Camera, cash and so on)
 */
import type { DeviceState } from '../contract/presence.ts'
import { fromBase64, membersOf, textOf, toBase64, type XfsCommand } from './xfs4iot.ts'

/** Versions of the commands as X1 sends them. */
export const command_versions = {
  'ServicePublisher.GetServices': '2.0',
  'Common.Status': '2.0',
  'Common.Capabilities': '2.0',
  'Common.Cancel': '2.0',
  'CardReader.ReadRawData': '2.0',
  'CardReader.Move': '2.0',
  'Printer.PrintRaw': '3.0',
  'Printer.ControlMedia': '3.0',
  'Lights.SetLight': '3.0',
} as const
export type XfsCommandName = keyof typeof command_versions

type Parts = Pick<XfsCommand, 'request_id' | 'timeout_ms' | 'payload'>

export function commandOf(name: XfsCommandName, parts: Parts): XfsCommand {
  return { name, version: command_versions[name], ...parts }
}

/** X1 Common/CommonSchemas_g.cs, DeviceEnum; ours have the same names in our spelling. */
const states: Readonly<Record<string, DeviceState>> = {
  online: 'online',
  offline: 'offline',
  powerOff: 'power_off',
  noDevice: 'no_device',
  hardwareError: 'hardware_error',
  userError: 'user_error',
  deviceBusy: 'device_busy',
  fraudAttempt: 'fraud_attempt',
  potentialFraud: 'potential_fraud',
  starting: 'starting',
}

/** Null members: not said, or unchanged where it comes with a StatusChangedEvent. */
export type XfsStatus = {
  /** `unknown`: said in a word that this version does not know. */
  device: DeviceState | 'unknown' | null
  /** `present`, `notPresent`, `jammed`, `entering`, `latched`, `unknown`. */
  card_media: string | null
  printer_media: string | null
  /** By supply (`upper`, `lower` ...): `full`, `low`, `out`, `jammed`, `unknown`. */
  paper: Readonly<Record<string, string>>
}

const supplies_most = 16
/** A supply's name stands in telemetry and on pages: a word, as all of the specification are. */
const supply_form = /^[A-Za-z][A-Za-z0-9]{0,31}$/

/** However many names come one after another, the first stay. */
export function boundedSupplies(
  paper: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const supplies = Object.entries(paper)
  return supplies.length <= supplies_most
    ? paper
    : Object.fromEntries(supplies.slice(0, supplies_most))
}

/** The payload of Common.Status and of Common.StatusChangedEvent. */
export function statusOf(payload: Readonly<Record<string, unknown>>): XfsStatus {
  const device = textOf(membersOf(payload.common).device)
  const paper = Object.entries(membersOf(membersOf(payload.printer).paper))
    .slice(0, supplies_most)
    .flatMap(([supply, value]): [string, string][] => {
      const level = textOf(value, 32)
      return level === null || !supply_form.test(supply) ? [] : [[supply, level]]
    })
  return {
    device: device === null ? null : Object.hasOwn(states, device) ? states[device]! : 'unknown',
    card_media: textOf(membersOf(payload.cardReader).media, 32),
    printer_media: textOf(membersOf(payload.printer).media, 32),
    paper: Object.fromEntries(paper),
  }
}

export type XfsCapabilities = {
  /** Classes in lower case: the specification's example and X1 write the first letter differently. */
  interfaces: ReadonlySet<string>
  /** Serial number of the first device that says one, with its model. */
  serial: string | null
  model: string | null
  firmware: string | null
}

export function capabilitiesOf(payload: Readonly<Record<string, unknown>>): XfsCapabilities {
  const names = listOf(payload.interfaces).map((one) => textOf(membersOf(one).name, 64))
  const [device] = listOf(membersOf(payload.common).deviceInformation).map(membersOf)
  const [firmware] = listOf(device?.firmware).map(membersOf)
  return {
    interfaces: new Set(names.flatMap((name) => (name === null ? [] : [name.toLowerCase()]))),
    // Together with a blank at most as long as an identity in the hall's log.
    serial: textOf(device?.serialNumber, 64),
    model: textOf(device?.modelName, 63),
    firmware: textOf(firmware?.firmwareVersion, 64),
  }
}

const items_most = 64
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, items_most) : []
}

/** X1 ServicePublisherSchemas_g.cs: services of GetServices and ServiceDetailEvent alike. */
export function servicesOf(payload: Readonly<Record<string, unknown>>): {
  vendor: string | null
  uris: readonly string[]
} {
  const uris = listOf(payload.services).map((one) => textOf(membersOf(one).serviceURI, 512))
  return { vendor: textOf(payload.vendorName), uris: uris.filter((uri) => uri !== null) }
}

export type CardSource = 'track1' | 'track2' | 'track3' | 'chip'
export const card_sources: readonly CardSource[] = ['track1', 'track2', 'track3', 'chip']

/** Each asked source: its bytes, or why there are none. Personal data. */
export type CardSourceData = { data: Uint8Array | null; status: string | null }

/** X1 CardReader/Commands/ReadRawData_g.cs. */
export function readCardPayload(sources: readonly CardSource[]): Record<string, boolean> {
  return Object.fromEntries(sources.map((source) => [source, true]))
}

/** X1 CardReader/Completions/ReadRawData_g.cs: chip is a list, of which the first is taken. */
export function cardDataOf(
  payload: Readonly<Record<string, unknown>>,
): Partial<Record<CardSource, CardSourceData>> {
  const found: Partial<Record<CardSource, CardSourceData>> = {}
  for (const source of card_sources) {
    const value = source === 'chip' ? listOf(payload.chip)[0] : payload[source]
    if (value === undefined || value === null) continue
    const { data, status } = membersOf(value)
    found[source] = { data: fromBase64(data), status: textOf(status, 32) }
  }
  return found
}

/** X1 Printer/Commands/PrintRaw_g.cs: nothing is read back. */
export function printPayload(data: Uint8Array): Record<string, string> {
  return { inputData: 'no', data: toBase64(data) }
}

/** X1 PrinterSchemas_g.cs, MediaControlClass. */
export function mediaPayload(control: { cut: boolean; eject: boolean }): Record<string, unknown> {
  const move = control.eject ? { move: 'eject' } : {}
  return { mediaControl: { ...move, ...(control.cut ? { cut: true } : {}) } }
}

export const light_names = [
  'cardReader',
  'pinPad',
  'notesDispenser',
  'coinDispenser',
  'receiptPrinter',
  'passbookPrinter',
  'envelopeDepository',
  'checkUnit',
  'billAcceptor',
  'envelopeDispenser',
  'documentPrinter',
  'coinAcceptor',
  'scanner',
  'contactless',
  'cardReader2',
  'notesDispenser2',
  'billAcceptor2',
  'statusGood',
  'statusWarning',
  'statusBad',
  'statusSupervisor',
  'statusInService',
  'fasciaLight',
] as const
export type LightName = (typeof light_names)[number]
export type Light = {
  light: LightName
  /** As its capabilities name it: `default`, `center` and the like. */
  position: string
  flash: 'off' | 'slow' | 'medium' | 'quick' | 'continuous'
  color?: 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta' | 'white'
}

/** X1 Lights/Commands/SetLight_g.cs and LightsSchemas_g.cs, PositionStatusClass. */
export function lightPayload({ light, position, flash, color }: Light): Record<string, unknown> {
  return {
    [light]: { [position]: { flashRate: flash, ...(color === undefined ? {} : { color }) } },
  }
}
