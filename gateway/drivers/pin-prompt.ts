/**
 * What every pad that takes a PIN or a password gives the gateway: one question, one answer in the
 * contract's words, and the secret only as what the asker's own seal made of it.
 */
import type { PinOutcome } from '#devices/contract/record.ts'
import { byteText } from '#devices/std/bytes.ts'

/** What a pad hands over: an encrypted block as it came, or digits that must be sealed at once. */
export type PinSecret =
  | { kind: 'block'; track: number; digits: number; block: string }
  | { kind: 'digits'; digits: Uint8Array }

/** Seals to whoever asked. Digits are overwritten when it returns: it must have taken them by then. */
export type SealPin = (secret: PinSecret) => Promise<string>

/** Over a sealing of JSON values, as to a client's key of its session. */
export function sealPinBy(sealValue: (value: unknown) => Promise<string>): SealPin {
  return (secret) =>
    sealValue(secret.kind === 'block' ? secret : { ...secret, digits: byteText(secret.digits) })
}

export type PinPrompt = {
  /** 1 to 19 digits; goes into the block and is dropped when the prompt was sent. */
  account: string
  /** Digits of the PIN, 1 to 16. */
  digits: number
  /** Hash of the content that was confirmed; comes back with the outcome. */
  content_hash: string
  seal: SealPin
}

export type PinAnswer = {
  outcome: PinOutcome
  /** The pad's own word for it, for a page. */
  reason: string
  content_hash: string
  /** Serial number that the pad gives of itself, and which of its keys made the block. */
  pad: string | null
  key: string | null
  /** Sealed to whoever asked; only with `entered`, and nowhere else. */
  sealed: string | null
}

export interface PromptsPin {
  /** Always resolves with an outcome once asked; rejects only when the driver is closed. */
  promptPin(prompt: PinPrompt): Promise<PinAnswer>
  /** Ends an open entry as `cancelled`. */
  cancelPin(): void
}

/** A pad's word in the contract's; whatever is not one of them is a pad that could not. */
export function outcomeOf(reason: string): PinOutcome {
  switch (reason) {
    case 'entered':
    case 'cancelled':
    case 'timed_out':
    case 'unknown':
      return reason
    default:
      return 'failed'
  }
}

type Ended = { outcome: string; content_hash: string }
type By = { pad: string | null; key: string | null }

/** The answer to an entry that ended. A secret that cannot be sealed is no entry. */
export async function answerOf(
  { outcome: reason, content_hash }: Ended,
  by: By,
  sealing: Promise<string> | null,
): Promise<PinAnswer> {
  const sealed = sealing === null ? null : await sealing.catch(() => null)
  const failed = reason === 'entered' && sealed === null
  const outcome = failed ? 'failed' : outcomeOf(reason)
  return { outcome, reason: failed ? 'not_sealed' : reason, content_hash, ...by, sealed }
}
