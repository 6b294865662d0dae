/**
 * Driver of a kiosk service that speaks XFS4IoT. What is read off a card is in the answer and
 * nowhere else: it is not kept, shown or logged.
 */
import {
  type XfsInput,
  type XfsOptions,
  type XfsRequest,
  type XfsResult,
  xfs4iot,
} from '#devices/types/xfs4iot.ts'
import type { CardSource, Light, XfsStatus } from '#devices/wire/xfs4iot-members.ts'
import {
  type DeviceView,
  type DriverParts,
  Session,
  type SessionOptions,
} from '../drivers/session.ts'

export type XfsHandlers = {
  /** The customer is to insert a card, did so, or took it. */
  onCard?(what: 'insert_card' | 'card_inserted' | 'card_removed'): void
  onStatus?(status: XfsStatus): void
  onState?(view: DeviceView): void
}

export interface XfsDevice extends AsyncDisposable {
  start(): void
  view(): DeviceView
  /** What it last said of itself. */
  status(): XfsStatus
  /** `wait_ms`, 1 to 600 000: for a card to come. */
  readCard(sources: readonly CardSource[], wait_ms: number): Promise<XfsResult>
  ejectCard(): Promise<XfsResult>
  /** Bytes for the printer behind the service; `done` is the service's word that they are printed. */
  print(data: Uint8Array): Promise<XfsResult>
  releasePaper(control: { cut: boolean; eject: boolean }): Promise<XfsResult>
  setLight(light: Light): Promise<XfsResult>
  /** Whether its counter is open: how often it is asked follows from that. */
  attention(open: boolean): void
  /** Ends whatever runs; each of those commands answers for itself. */
  cancel(): Promise<XfsResult>
}

export function createXfsDevice(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: XfsHandlers
    options?: Partial<XfsOptions> & { session?: Partial<SessionOptions> }
  } = {},
): XfsDevice {
  const { handlers = {} } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session = new Session(device, xfs4iot, parts, {
    handlers: {
      onInput: (input) => {
        tell(input, handlers)
        return undefined
      },
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
    },
    options,
    session: sessionOptions,
  })
  const ask = (request: XfsRequest) => session.command(request)
  return {
    start: () => session.start(),
    view: () => session.view(),
    status: () => session.state.status,
    readCard: (sources, wait_ms) => ask({ command: 'read_card', sources, wait_ms }),
    ejectCard: () => ask({ command: 'eject_card' }),
    print: (data) => ask({ command: 'print', data }),
    releasePaper: (control) => ask({ command: 'release_paper', ...control }),
    setLight: (light) => ask({ command: 'light', light }),
    attention: (open) => session.attention(open),
    cancel: () => ask({ command: 'cancel' }),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function tell(input: XfsInput, handlers: XfsHandlers): void {
  if (input.type === 'status') handlers.onStatus?.(input.status)
  else handlers.onCard?.(input.type)
}
