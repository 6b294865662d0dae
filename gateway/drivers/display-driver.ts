/**
 * Driver of a hall display. Keeps the PJLink password and makes the proofs, as the kernel has no hash
 * function. Raises Fault `invalid` for an input that the display's protocol does not have.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Fault } from '#devices/std/fault.ts'
import {
  type DisplayCondition,
  type DisplayWish,
  type HallDisplayInput,
  type HallDisplayOptions,
  hallDisplay,
} from '#devices/types/hall-display.ts'
import { md5Proof, sha256Proof } from '#devices/wire/pjlink.ts'
import { type DeviceView, type DriverParts, Session, type SessionOptions } from './session.ts'

export type DisplayHandlers = {
  onCondition?(condition: DisplayCondition): void
  onState?(view: DeviceView): void
}

export interface DisplayDriver extends AsyncDisposable {
  start(): void
  view(): DeviceView
  /** What the panel last said of itself. */
  condition(): DisplayCondition
  /**
   * Set until the panel reports it, and again after every connect; null wishes nothing. Inputs are
   * PJLink's two characters (`31`) or MDC's names (`hdmi1`).
   */
  want(wish: DisplayWish): Promise<void>
}

/** `wanted` is asked after each connect. */
export function createHallDisplay(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: DisplayHandlers
    wanted?: () => DisplayWish
    options?: Partial<HallDisplayOptions> & { session?: Partial<SessionOptions> }
  } = {},
): DisplayDriver {
  const { handlers = {}, wanted } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session = new Session(device, hallDisplay, parts, {
    handlers: {
      onInput: (input: HallDisplayInput) => {
        if (input.type === 'display') handlers.onCondition?.(input.condition)
        else {
          const proof = proofFor(input, options.password ?? null)
          session.command({ command: 'prove', proof }).catch(() => {})
        }
        return undefined
      },
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
      onConnect: () => {
        if (wanted === undefined) return
        session.command({ command: 'want', wish: wanted() }).catch(() => {})
      },
    },
    options,
    session: sessionOptions,
  })
  return {
    start: () => session.start(),
    view: () => session.view(),
    condition: () => session.state.condition,
    want: async (wish) => {
      const result = await session.command({ command: 'want', wish })
      if (result === 'invalid_input') throw new Fault('invalid', `${device}: no input of that name`)
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function proofFor(
  { security, salt }: Extract<HallDisplayInput, { type: 'challenge' }>,
  password: string | null,
): string | null {
  if (password === null) return null
  const hash = (name: string) => (text: string) =>
    createHash(name).update(text, 'latin1').digest('hex')
  if (security === 'md5') return md5Proof(hash('md5'), salt, password)
  const own = randomBytes(16).toString('hex')
  return sha256Proof(hash('sha256'), { salt, own }, password)
}
