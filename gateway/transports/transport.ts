/**
 * The port between a driver and whatever carries its bytes. Types only.
 * `open` rejects with Fault `device_gone` (nobody there), `timed_out`, or `unsupported` (this
 * machine lacks what the transport needs; the detail says what). After it resolved, `onClose` comes
 * exactly once, whoever ended the link; no `onData` comes after it. Reconnecting is the session's
 * business.
 */
import type { Cancel } from '#devices/std/clock.ts'

export type LinkHandlers = {
  onData(bytes: Uint8Array): void
  /** `reason` is a short code for counters and pages: `ended`, `reset`, `stalled`, `closed` ... */
  onClose(reason: string): void
  /** The line that was asked for is this link's own, until it is freed. Only with `Link.turns`. */
  onTurn?(): void
}

/**
 * How a link asks for a line that others use too: one at a time may write, and hears what comes.
 */
export interface Turns {
  /**
   * Asking again changes nothing but the hurry. `urgent`: something waits to be done, not only
   * asked.
   */
  ask(urgent: boolean): void
  /** `answered`: the question was answered as it should be. */
  free(answered: boolean): void
}

export interface Link {
  /** Present where the line is shared: then `write` is for the holder of the turn. */
  readonly turns?: Turns
  /**
   * Queues bytes; a far end that takes none for too long closes the link with `stalled`. Where the
   * wire knows packets (HID reports, USB transfers) one call is one packet, and so is one `onData`.
   */
  write(bytes: Uint8Array): void
  close(): void
}

export interface Transport {
  /** Where the device is, as the configuration says it, for pages and logs. */
  readonly address: string
  open(handlers: LinkHandlers): Promise<Link>
  /**
   * For a session that waits to connect again: calls `onBack` at most once, when a device stands at
   * the address that was not there at the last `open`. Who hears it need not wait any longer.
   * Absent where nothing announces a return (a TCP address).
   */
  watch?(onBack: () => void): Cancel
}
