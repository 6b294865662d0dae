/**
 * Driver of a PIN pad. The block in a result is for whoever decrypts it: hand it on, never print or keep
 * it. Raises Fault `invalid` for an account number or length the pad cannot take.
 */
import { Fault } from '#devices/std/fault.ts'
import { type PinPadOptions, type PinPadResult, pinPad } from '#devices/types/pin-pad.ts'
import { answerOf, type PromptsPin } from './pin-prompt.ts'
import { type DeviceView, type DriverParts, Session, type SessionOptions } from './session.ts'

export type PinRequest = {
  /** 1 to 19 digits; goes into the block and is dropped when the prompt was sent. */
  account: string
  /** Digits of the PIN, 1 to 16. */
  digits: number
  /** Hash of the content that was confirmed; comes back with the outcome. */
  content_hash: string
}

export interface PinPadDriver extends PromptsPin, AsyncDisposable {
  start(): void
  view(): DeviceView
  /** Whether its counter is open: how often it is asked follows. */
  attention(open: boolean): void
  /** Always resolves with an outcome once the pad was asked; rejects only when the driver is closed. */
  prompt(request: PinRequest): Promise<PinPadResult>
  /** Ends an open entry as `cancelled`. */
  cancel(): void
}

export function createPinPad(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: { onState?(view: DeviceView): void }
    options?: Partial<PinPadOptions> & { session?: Partial<SessionOptions> }
  } = {},
): PinPadDriver {
  const { handlers = {} } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session = new Session(device, pinPad, parts, {
    handlers: {
      onInput: () => undefined,
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
    },
    options,
    session: sessionOptions,
  })
  const prompt = async (request: PinRequest): Promise<PinPadResult> => {
    checkPinRequest(request)
    const { account, digits, content_hash } = request
    return session.command({ command: 'prompt', account, digits, content_hash })
  }
  const cancel = () => void session.command({ command: 'cancel' }).catch(() => {})
  return {
    start: () => session.start(),
    view: () => session.view(),
    attention: (open) => session.attention(open),
    prompt,
    async promptPin({ seal, ...request }) {
      const result = await prompt(request)
      const { outcome } = result
      const key = String(options.key ?? pinPad.defaults.key)
      const by = { pad: session.view().identity, key }
      const sealing =
        result.outcome !== 'entered'
          ? null
          : seal({
              ...{ kind: 'block', track: result.track, digits: result.digits },
              block: result.block.reveal(),
            })
      return answerOf({ outcome, content_hash: request.content_hash }, by, sealing)
    },
    cancel,
    cancelPin: cancel,
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

/** Raises Fault `invalid` for what no pad can take. */
export function checkPinRequest({ account, digits }: Pick<PinRequest, 'account' | 'digits'>): void {
  if (!/^\d{1,19}$/.test(account))
    throw new Fault('invalid', 'an account number has 1 to 19 digits')
  if (!Number.isInteger(digits) || digits < 1 || digits > 16) {
    throw new Fault('invalid', 'a PIN has 1 to 16 digits')
  }
}
