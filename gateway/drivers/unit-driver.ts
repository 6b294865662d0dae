/**
 * Drivers of call pads, ticket panels and counter displays. The caller decides presses and says what
 * is to be shown; what is shown is asserted again after every connect and every power-up of the unit.
 */
import { Fault } from '#devices/std/fault.ts'
import { callPad } from '#devices/types/call-pad.ts'
import { counterDisplay } from '#devices/types/counter-display.ts'
import type {
  PressInput,
  UnitCommand,
  UnitFrame,
  UnitOptions,
  UnitResult,
  UnitState,
} from '#devices/types/register-unit-state.ts'
import { ticketPanel } from '#devices/types/ticket-panel.ts'
import { type Display, isDisplayable } from '#devices/wire/register-map.ts'
import {
  type DeviceView,
  type DriverParts,
  type PressOutcome,
  Session,
  type SessionOptions,
} from './session.ts'

/** A press with the device's name. The same (device, boot, event) is the same press. */
export type Press = PressInput & { device: string }

/** A printed number of at most 8 ASCII characters, or one of the two other states. */
export type Showing = string

export type UnitHandlers = {
  /** Resolve only when the press is durable: the unit's lamp tells the person then. */
  onPress(press: Press): Promise<PressOutcome>
  onState?(view: DeviceView): void
}

export interface UnitDriver extends AsyncDisposable {
  start(): void
  view(): DeviceView
  /** Whether its counter is open: how often it is asked follows, and how soon its loss is noticed. */
  attention(open: boolean): void
  /**
   * The unit of which somebody holds a key takes the address of this place. Nothing is sent while
   * some unit answers there. Resolves within half a minute. Absent where addresses are set otherwise.
   */
  setAddress?(): Promise<AddressGiven>
}

/** `accepted`: the unit answers there now. `taken`: one did before, and nothing was sent. */
export type AddressGiven = 'accepted' | 'taken' | 'no_answer' | 'not_connected' | 'busy'

export interface ShowingDriver extends UnitDriver {
  /** `blank`, `paused` or a number. Raises Fault `invalid` for what the display cannot show. */
  show(showing: Showing): void
}

export type CallPadDriver = ShowingDriver

export type UnitDriverOptions = Partial<UnitOptions> & { session?: Partial<SessionOptions> }

/** `wanted` is asked after each connect for what the display should show by then. */
export function createCallPad(
  device: string,
  parts: DriverParts,
  given: { handlers: UnitHandlers; wanted?: () => Showing; options?: UnitDriverOptions },
): CallPadDriver {
  const session = unitSession(device, callPad, parts, given)
  return { ...driverOf(session), show: (showing) => showOn(session, showing) }
}

export function createTicketPanel(
  device: string,
  parts: DriverParts,
  given: { handlers: UnitHandlers; options?: UnitDriverOptions },
): UnitDriver {
  return driverOf(unitSession(device, ticketPanel, parts, given))
}

/** A display has no keys: what it says it pressed is refused. */
export function createCounterDisplay(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: Omit<UnitHandlers, 'onPress'>
    wanted?: () => Showing
    options?: UnitDriverOptions
  } = {},
): ShowingDriver {
  const handlers: UnitHandlers = { ...given.handlers, onPress: async () => 'refused' }
  const session = unitSession(device, counterDisplay, parts, { ...given, handlers })
  return { ...driverOf(session), show: (showing) => showOn(session, showing) }
}

function driverOf(session: UnitSession): UnitDriver {
  return {
    start: () => session.start(),
    view: () => session.view(),
    attention: (open) => session.attention(open),
    setAddress: async () => addressGiven(await session.command({ command: 'set_address' })),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

const given: readonly AddressGiven[] = ['accepted', 'taken', 'no_answer', 'not_connected', 'busy']

export function addressGiven(result: string): AddressGiven {
  return given.find((one) => one === result) ?? 'not_connected'
}

function unitSession(
  device: string,
  type: typeof callPad,
  parts: DriverParts,
  given: { handlers: UnitHandlers; wanted?: () => Showing; options?: UnitDriverOptions },
): UnitSession {
  const { handlers, wanted } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session: UnitSession = new Session(device, type, parts, {
    handlers: {
      onInput: (input) => handlers.onPress({ ...input, device }),
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
      onConnect: () => {
        if (wanted !== undefined) showOn(session, wanted())
      },
    },
    options,
    session: sessionOptions,
  })
  return session
}

type UnitSession = Session<UnitState, UnitFrame, UnitCommand, PressInput, UnitResult, UnitOptions>

/** The wish is kept by the machine, so there is nothing to wait for; a closed driver shows nothing. */
function showOn(session: UnitSession, showing: Showing): void {
  session.command({ command: 'show', display: displayOf(showing) }).catch(() => {})
}

export function displayOf(showing: Showing): Display {
  if (showing === 'blank' || showing === 'paused') return { mode: showing }
  if (!isDisplayable(showing)) throw new Fault('invalid', 'a display shows 1 to 8 ASCII characters')
  return { mode: 'number', number: showing }
}
