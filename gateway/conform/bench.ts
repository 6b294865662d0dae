/**
 * One device on the bench: its link, what was sent and came, and whoever stands beside it.
 * An answer is whatever came until it is complete or the line has been quiet for `quiet_ms`, so that a
 * frame no deframer would take can be looked at. Keeps at most `most_kept` bytes of one answer.
 * An answer that comes too late is no answer, and is waited for, so that it is not taken for the next one:
 * Fault `timed_out` with the ms it took.
 * Raises the transport's faults when the device cannot be reached, and `device_gone` where the link was
 * closed from there before a byte of the answer: that is no silence.
 */
import { concat, fromHex } from '#devices/std/bytes.ts'
import { type Cancel, type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Link, Transport } from '../transports/transport.ts'
import type { Bilingual } from './kind.ts'

export type Exchange = {
  /** What was asked, by name. */
  label: string
  sent: Uint8Array
  came: Uint8Array
}

/** What a person does at the device, by the names a simulator's hands have. */
export type Hand =
  | 'lay_card'
  | 'take_card'
  | 'open_cover'
  | 'close_cover'
  | 'pull_paper'
  | 'load_paper'
  | 'press'
  | 'rate'
  | 'type_pin'
  | 'type_password'
  | 'cancel'
  | 'power_cycle'
  | 'hold_key'
  | 'let_go'

export interface Helper {
  /** Whether it was done. `argument` is the key to press and the like. */
  hand(hand: Hand, argument: string, prompt: Bilingual): Promise<boolean>
  /** What somebody sees; null: nobody looked. */
  sees(question: Bilingual): Promise<boolean | null>
}

export type BenchOptions = {
  /** An answer comes within. */
  reply_ms: number
  /** A line without a byte for so long has said what it had to say. */
  quiet_ms: number
  /** Nothing within it is no answer. */
  silence_ms: number
  /** So long a person may take. */
  hand_ms: number
  /** A pad that repeats what is not answered does so within; assumed. */
  repeat_ms: number
}

export const benchDefaults: BenchOptions = {
  reply_ms: 3000,
  quiet_ms: 400,
  silence_ms: 1000,
  hand_ms: 30_000,
  repeat_ms: 3000,
}

/** When an answer is over: complete, quiet after a byte, or late. */
export type Answer = {
  complete?: (came: Uint8Array) => boolean
  ms?: number
  quiet_ms?: number
}

const most_kept = 8192
/** So often a silent device is waited for twice as long: then it is silent, not slow. */
const most_unheeded = 2
/** What the fault of a closed link says. */
export const link_closed = 'it closed the link'
const most_exchanges = 64

export class Bench implements AsyncDisposable {
  readonly options: BenchOptions
  readonly transport: Transport
  readonly pace: Pace
  readonly #helper: Helper
  /** What steps leave for the ones behind them. */
  readonly #facts = new Map<string, unknown>()
  #exchanges: Exchange[] = []
  #link: Link | null = null
  #heard = false
  /** Waits for a late answer that brought none. */
  #unheeded = 0
  #came: Uint8Array = new Uint8Array(0)
  #wake: (() => void) | null = null

  constructor(
    parts: { transport: Transport; pace: Pace; helper: Helper },
    options: Partial<BenchOptions> = {},
  ) {
    this.transport = parts.transport
    this.pace = parts.pace
    this.#helper = parts.helper
    this.options = { ...benchDefaults, ...options }
  }

  /** A new link; what came on the old one is forgotten. */
  async connect(): Promise<void> {
    this.#link?.close()
    this.#link = null
    this.#came = new Uint8Array(0)
    const link = await this.transport.open({
      onData: (bytes) => {
        this.#heard = true
        if (this.#came.length < most_kept) this.#came = concat(this.#came, bytes)
        this.#wake?.()
      },
      onClose: () => {
        if (this.#link === link) this.#link = null
        this.#wake?.()
      },
    })
    this.#link = link
  }

  /** Sends, and what comes back; `hex` may be a literal. Connects again where the link is gone. */
  async ask(
    label: string,
    request: Uint8Array | string,
    options: Answer = {},
  ): Promise<Uint8Array> {
    if (this.#link === null) await this.connect()
    const sent = typeof request === 'string' ? fromHex(request) : request
    this.#came = new Uint8Array(0)
    this.#link?.write(sent)
    const began_ms = this.pace.now_ms()
    const came = await this.#collect(label, sent, options)
    if (came.length > 0 || options.ms !== undefined || this.#unheeded >= most_unheeded) return came
    const late = await this.#collect(label, new Uint8Array(0), options)
    if (late.length === 0) this.#unheeded += 1
    else throw new Fault('timed_out', `${Math.round(this.pace.now_ms() - began_ms)} ms`)
    return came
  }

  /** Sends what is answered by silence, and waits that long. */
  silent(label: string, request: Uint8Array | string): Promise<Uint8Array> {
    return this.ask(label, request, { ms: this.options.silence_ms })
  }

  /** What comes by itself within `ms`. What came since the last look counts. */
  async listen(label: string, options: Answer = {}): Promise<Uint8Array> {
    if (this.#link === null) await this.connect()
    return await this.#collect(label, new Uint8Array(0), options)
  }

  async #collect(label: string, sent: Uint8Array, options: Answer): Promise<Uint8Array> {
    const { complete = () => false, ms = this.options.reply_ms } = options
    const quiet_ms = options.quiet_ms ?? this.options.quiet_ms
    const end_ms = this.pace.now_ms() + ms
    let size = -1
    while (!complete(this.#came) && this.#link !== null) {
      const left_ms = end_ms - this.pace.now_ms()
      const wait_ms = this.#came.length === 0 ? left_ms : Math.min(quiet_ms, left_ms)
      // Bytes that stopped coming are the answer; so is nothing, when the time is over.
      if (wait_ms <= 0 || size === this.#came.length) break
      size = this.#came.length === 0 ? -1 : this.#came.length
      await this.#woken(wait_ms)
    }
    const came = this.#came
    this.#came = new Uint8Array(0)
    if (this.#exchanges.length < most_exchanges) this.#exchanges.push({ label, sent, came })
    if (came.length === 0 && this.#link === null) throw new Fault('device_gone', link_closed)
    return came
  }

  #woken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {}
      const wake = () => {
        cancel()
        this.#wake = null
        resolve()
      }
      this.#wake = wake
      cancel = this.pace.after(ms, 'conformance', wake)
    })
  }

  now_ms(): number {
    return this.pace.now_ms()
  }

  rest(ms: number): Promise<void> {
    return sleep(this.pace, ms, 'conformance rest')
  }

  hand(hand: Hand, prompt: Bilingual, argument = ''): Promise<boolean> {
    return this.#helper.hand(hand, argument, prompt)
  }

  sees(question: Bilingual): Promise<boolean | null> {
    return this.#helper.sees(question)
  }

  fact(name: string): unknown {
    return this.#facts.get(name)
  }

  note(name: string, value: unknown = true): void {
    this.#facts.set(name, value)
  }

  forget(name: string): void {
    this.#facts.delete(name)
  }

  /** Whether a byte ever came: of what never spoke, silence says nothing. */
  get heard(): boolean {
    return this.#heard
  }

  /** What was exchanged since the last call. */
  takeExchanges(): Exchange[] {
    const taken = this.#exchanges
    this.#exchanges = []
    return taken
  }

  /** Lets go of the line: somebody else is to have it, until the next question. */
  async release(): Promise<void> {
    this.#link?.close()
    this.#link = null
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
