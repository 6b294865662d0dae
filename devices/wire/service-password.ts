/**
 * Service-password pads of carriers: hex 82, six digits, hex 83 (V2; that digits are ASCII is assumed).
 * The digits are in the clear on the wire and go no further than this file: the one who makes the
 * deframer brings `seal`, which gets them once, and they are overwritten when it returns. Without
 * `seal`, which is the default, or where it gives null as nobody asked, a password is refused and
 * dropped.
 * What is discarded has every digit replaced by `*`, so that no count or page can show a password whose
 * frame was damaged. `seal` must take what it needs before it returns.
 */
import type { Deframer, Discarded } from './deframer.ts'

const begin = 0x82
const end = 0x83
const star = 0x2a
const digit_count = 6

/** `refused`: a password came and nobody was there to seal it. */
export type ServicePassword<Sealed> = { kind: 'sealed'; sealed: Sealed } | { kind: 'refused' }

/** Null: not now. */
export type SealDigits<Sealed> = (digits: Uint8Array) => Sealed | null

export function createServicePasswordDeframer<Sealed>(
  seal: SealDigits<Sealed> | null = null,
): Deframer<ServicePassword<Sealed>> {
  const digits = new Uint8Array(digit_count)
  /** Bytes of a frame so far: 0, or 1 for its beginning and one for each digit. */
  let held = 0

  const giveUp = (): Uint8Array => {
    const masked = new Uint8Array(held).fill(star)
    if (held > 0) masked[0] = begin
    digits.fill(0)
    held = 0
    return masked
  }

  const take = (): ServicePassword<Sealed> => {
    // A copy, so that a seal that throws leaves nothing here.
    const once = digits.slice()
    giveUp()
    try {
      const sealed = seal === null ? null : seal(once)
      return sealed === null ? { kind: 'refused' } : { kind: 'sealed', sealed }
    } finally {
      once.fill(0)
    }
  }

  return {
    get pending() {
      return held
    },
    push(bytes) {
      const frames: ServicePassword<Sealed>[] = []
      const noise: number[] = []
      for (const byte of bytes) {
        if (held === digit_count + 1 && byte === end) {
          frames.push(take())
        } else if (held > 0 && held <= digit_count && isDigit(byte)) {
          digits[held - 1] = byte
          held += 1
        } else {
          noise.push(...giveUp())
          if (byte === begin) held = 1
          else noise.push(isDigit(byte) ? star : byte)
        }
      }
      const discarded: Discarded[] =
        noise.length === 0 ? [] : [{ reason: 'noise', bytes: Uint8Array.from(noise) }]
      return { frames, discarded }
    },
    flush() {
      const rest = giveUp()
      return rest.length === 0 ? [] : [{ reason: 'incomplete', bytes: rest }]
    },
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}
