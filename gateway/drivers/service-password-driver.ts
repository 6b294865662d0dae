/**
 * Driver of service-password pads that send clear digits. The digits exist here for as long as one
 * call takes: the seal of whoever asked gets them, once, and only while a prompt is open; what it
 * made of them is the answer, and nothing else of them is kept, shown or counted.
 */
import {
  type ServicePasswordOptions,
  servicePasswordPadWith,
} from '#devices/types/service-password-pad.ts'
import { answerOf, type PinPrompt, type PromptsPin } from './pin-prompt.ts'
import { type DeviceView, type DriverParts, Session, type SessionOptions } from './session.ts'

export interface ServicePasswordDriver extends PromptsPin, AsyncDisposable {
  start(): void
  view(): DeviceView
}

/** These pads say no serial number and have no keys. */
const nobody = { pad: null, key: null }

export function createServicePasswordPad(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: { onState?(view: DeviceView): void }
    options?: Partial<ServicePasswordOptions> & { session?: Partial<SessionOptions> }
  } = {},
): ServicePasswordDriver {
  const { session: sessionOptions, ...options } = given.options ?? {}
  const onState = given.handlers?.onState
  /** The prompt that waits; null while nobody asked, and then no digit is looked at. */
  let open: PinPrompt | null = null
  const type = servicePasswordPadWith<Promise<string>>((digits) => {
    const asker = open
    open = null
    return asker === null ? null : asker.seal({ kind: 'digits', digits })
  })
  const session = new Session(device, type, parts, {
    handlers: { onInput: () => undefined, ...(onState === undefined ? {} : { onState }) },
    options,
    session: sessionOptions,
  })
  return {
    start: () => session.start(),
    view: () => session.view(),
    async promptPin(prompt) {
      const { content_hash } = prompt
      if (open !== null) return answerOf({ outcome: 'busy', content_hash }, nobody, null)
      open = prompt
      try {
        const result = await session.command({ command: 'prompt', content_hash })
        const sealing = result.outcome === 'entered' ? result.sealed : null
        return await answerOf({ outcome: result.outcome, content_hash }, nobody, sealing)
      } finally {
        if (open === prompt) open = null
      }
    },
    cancelPin: () => {
      // At once: the next may ask in the same breath, and no digit is looked at for this one any more.
      open = null
      session.command({ command: 'cancel' }).catch(() => {})
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
