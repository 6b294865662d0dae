/**
 * One line with several units on it: one link to the outside, and for each unit a transport of its own
 * that looks like any other. Units ask for the line, one at a time has it; who has something to do
 * goes before who only polls, but never more than a few times in a row.
 *
 * Bytes that answer nothing, going on and on while nobody is answered, are a jam: the link is closed,
 * every unit hears `bus_jammed`, and the line is not used again until it was quiet for a while. What
 * one unit does (not answer, flood its own turn) is that unit's session's business.
 * Nothing here is shared between two lines.
 * Raises Fault `bus_jammed` and what its transport raises from `open`. Refuses (our bug) a write by
 * who does not hold the line, and two units of one name.
 */
import { assert } from '#devices/std/assert.ts'
import { type Cancel, type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import type { Link, LinkHandlers, Transport, Turns } from '../transports/transport.ts'

export type BusParts = { pace: Pace; log: Log }

export type BusOptions = {
  /** Silence before each question: 3.5 characters at 9600 baud, and more above. */
  gap_ms: number
  /** Stray bytes count as one run until it was quiet for so long. */
  quiet_ms: number
  /** A run of stray bytes this long, with at least `jam_bytes` in it, is a jam. */
  jam_ms: number
  jam_bytes: number
  /** So many stray bytes are one at once. */
  flood_bytes: number
  /** How long a line that was jammed must be quiet before it is used again. */
  listen_ms: number
  /** After a failed attempt to open nobody tries again for so long. */
  refuse_ms: number
  /** Urgent turns in a row while somebody waits for an ordinary one. */
  most_urgent: number
}

export const busDefaults: BusOptions = {
  gap_ms: 4,
  quiet_ms: 150,
  jam_ms: 600,
  jam_bytes: 32,
  flood_bytes: 64 * 1024,
  listen_ms: 200,
  refuse_ms: 200,
  most_urgent: 2,
}

export type BusView = {
  at: string
  state: 'closed' | 'open' | 'jammed'
  units: string[]
  counters: { turns: number; stray_bytes: number; jams: number }
}

type Want = 'nothing' | 'turn' | 'urgent'
type Member = { name: string; handlers: LinkHandlers; want: Want }

export class Bus implements AsyncDisposable {
  readonly address: string
  readonly #transport: Transport
  readonly #parts: BusParts
  readonly #options: BusOptions
  readonly #counters = { turns: 0, stray_bytes: 0, jams: 0 }
  readonly #names = new Set<string>()
  readonly #members = new Set<Member>()
  /** In the order they asked. */
  readonly #waiting = new Set<Member>()
  readonly #watchers = new Set<() => void>()
  #unwatch: Cancel | null = null
  #link: Link | null = null
  #opening: Promise<void> | null = null
  #refused: { fault: Fault; until_ms: number } | null = null
  #holder: Member | null = null
  #urgentRun = 0
  #free_ms = 0
  #pumpLater: Cancel | null = null
  /** Bytes since the last right answer or the last silence. */
  #stray = { from_ms: 0, last_ms: 0, bytes: 0 }
  #jammed = false
  /** The line itself was away: whoever waits should know when it is back. */
  #wasTrouble = false
  #closed = false

  constructor(transport: Transport, parts: BusParts, options: Partial<BusOptions> = {}) {
    this.#transport = transport
    this.#parts = parts
    this.#options = { ...busDefaults, ...options }
    this.address = transport.address
  }

  /** A transport for the unit of this name; one a name. */
  line(name: string): Transport {
    assert(!this.#names.has(name), `one line for ${name}`)
    this.#names.add(name)
    return {
      address: this.address,
      open: (handlers) => this.#open(name, handlers),
      watch: (onBack) => this.#watch(onBack),
    }
  }

  view(): BusView {
    const open = this.#link === null ? 'closed' : 'open'
    return {
      at: this.address,
      state: this.#jammed ? 'jammed' : open,
      units: [...this.#names],
      counters: { ...this.#counters },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#unwatch?.()
    this.#watchers.clear()
    this.#closeLink('closed')
  }

  async #open(name: string, handlers: LinkHandlers): Promise<Link> {
    await this.#openLink()
    // Lost again, or closed, before this unit was told.
    if (this.#link === null) throw new Fault('device_gone', this.address)
    const member: Member = { name, handlers, want: 'nothing' }
    this.#members.add(member)
    const turns: Turns = {
      ask: (urgent) => this.#ask(member, urgent),
      free: (answered) => this.#freed(member, answered),
    }
    return {
      turns,
      write: (bytes) => this.#write(member, bytes),
      close: () => this.#leave(member, 'closed'),
    }
  }

  #openLink(): Promise<void> {
    if (this.#link !== null) return Promise.resolve()
    this.#opening ??= this.#reallyOpen().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #reallyOpen(): Promise<void> {
    const refused = this.#refused
    if (refused !== null && this.#parts.pace.now_ms() < refused.until_ms) throw refused.fault
    const probe = { lost: false, begun: false }
    const link = await this.#transport
      .open({
        onData: (bytes) => this.#onData(bytes),
        onClose: (reason) => {
          probe.lost = true
          if (probe.begun) this.#onLost(reason)
        },
      })
      .catch((fault: unknown) => this.#refuse(fault))
    if (this.#jammed) await this.#listen(link)
    if (probe.lost) this.#refuse(new Fault('device_gone', this.address))
    if (this.#closed) {
      link.close()
      return
    }
    probe.begun = true
    this.#begin(link, () => {
      probe.begun = false
      link.close()
    })
  }

  #begin(link: Link, close: () => void): void {
    // Whoever closes it here has told everybody already.
    this.#link = { write: (bytes) => link.write(bytes), close }
    this.#jammed = false
    this.#refused = null
    this.#urgentRun = 0
    this.#stray = { from_ms: 0, last_ms: 0, bytes: 0 }
    // Units that were merely silent wait for their own time.
    if (this.#wasTrouble) this.#wake()
    this.#wasTrouble = false
  }

  #onLost(reason: string): void {
    this.#wasTrouble = true
    this.#closeLink(reason)
  }

  /** Nothing is sent on a line that was jammed until it is heard to be quiet. */
  async #listen(link: Link): Promise<void> {
    const before = this.#counters.stray_bytes
    await sleep(this.#parts.pace, this.#options.listen_ms, 'bus listens')
    // A byte or two are the end of what was.
    if (this.#counters.stray_bytes - before < this.#options.jam_bytes / 2) return
    link.close()
    this.#refuse(new Fault('bus_jammed', this.address))
  }

  #refuse(fault: unknown): never {
    if (fault instanceof Fault) {
      const until_ms = this.#parts.pace.now_ms() + this.#options.refuse_ms
      this.#refused = { fault, until_ms }
      this.#wasTrouble = true
    }
    throw fault
  }

  /** Calls when the line is open again, or what carries it says it is back. */
  #watch(onBack: () => void): Cancel {
    this.#watchers.add(onBack)
    if (this.#link === null) {
      this.#unwatch ??= this.#transport.watch?.(() => this.#carrierBack()) ?? null
    }
    return () => this.#watchers.delete(onBack)
  }

  #carrierBack(): void {
    this.#unwatch = null
    this.#refused = null
    this.#wake()
  }

  #wake(): void {
    this.#unwatch?.()
    this.#unwatch = null
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const onBack of watchers) onBack()
  }

  #leave(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return
    this.#waiting.delete(member)
    if (this.#holder === member) this.#holder = null
    member.handlers.onClose(reason)
    // A link that serves nobody is opened anew: a stuck serial server gets a second chance.
    if (this.#members.size === 0) this.#closeLink('closed')
    else this.#pump()
  }

  #closeLink(reason: string): void {
    const link = this.#link
    this.#link = null
    this.#pumpLater?.()
    this.#pumpLater = null
    link?.close()
    for (const member of [...this.#members]) this.#leave(member, reason)
  }

  #write(member: Member, bytes: Uint8Array): void {
    // A link that was lost this very moment takes nothing; its session is about to hear of it.
    if (!this.#members.has(member)) return
    assert(this.#holder === member, 'who writes on a shared line holds it')
    const { pace } = this.#parts
    const send = () => {
      if (this.#holder !== member) return
      this.#link?.write(bytes)
      this.#free_ms = pace.now_ms() + this.#options.gap_ms
    }
    // Silence before each question, also where one unit is asked twice in its turn.
    const wait_ms = this.#free_ms - pace.now_ms()
    if (wait_ms > 0) pace.after(wait_ms, 'bus gap', send)
    else send()
  }

  #ask(member: Member, urgent: boolean): void {
    if (!this.#members.has(member)) return
    if (urgent || member.want === 'nothing') member.want = urgent ? 'urgent' : 'turn'
    this.#waiting.add(member)
    this.#pump()
  }

  #freed(member: Member, answered: boolean): void {
    if (this.#holder !== member) return
    this.#holder = null
    if (answered) this.#stray.bytes = 0
    this.#pump()
  }

  /** Gives the line to the next, as soon as it was quiet long enough. */
  #pump(): void {
    if (this.#link === null || this.#holder !== null || this.#waiting.size === 0) return
    const wait_ms = this.#free_ms - this.#parts.pace.now_ms()
    if (wait_ms > 0) {
      this.#pumpLater ??= this.#parts.pace.after(wait_ms, 'bus gap', () => {
        this.#pumpLater = null
        this.#pump()
      })
      return
    }
    const next = this.#next()
    this.#waiting.delete(next)
    next.want = 'nothing'
    this.#holder = next
    this.#counters.turns += 1
    next.handlers.onTurn?.()
  }

  #next(): Member {
    const waiting = [...this.#waiting]
    const urgent = waiting.find(({ want }) => want === 'urgent')
    const ordinary = waiting.find(({ want }) => want === 'turn')
    const passed = ordinary !== undefined && this.#urgentRun >= this.#options.most_urgent
    if (urgent === undefined || passed) {
      this.#urgentRun = 0
      return ordinary ?? waiting[0]!
    }
    this.#urgentRun += 1
    return urgent
  }

  #onData(bytes: Uint8Array): void {
    const now_ms = this.#parts.pace.now_ms()
    this.#free_ms = now_ms + this.#options.gap_ms
    const holder = this.#holder
    if (holder === null) this.#counters.stray_bytes += bytes.length
    if (this.#isJam(bytes.length, now_ms)) this.#jam()
    else holder?.handlers.onData(bytes)
  }

  /** Counts all bytes: a right answer takes its own off again when the turn ends. */
  #isJam(bytes: number, now_ms: number): boolean {
    if (this.#link === null) return false
    const { quiet_ms, jam_ms, jam_bytes, flood_bytes } = this.#options
    const run = this.#stray
    if (run.bytes === 0 || now_ms - run.last_ms > quiet_ms) {
      run.from_ms = now_ms
      run.bytes = 0
    }
    run.last_ms = now_ms
    run.bytes += bytes
    const long = now_ms - run.from_ms >= jam_ms && run.bytes >= jam_bytes
    return long || run.bytes >= flood_bytes
  }

  #jam(): void {
    this.#jammed = true
    this.#counters.jams += 1
    this.#parts.log('warn', 'bus.jammed', { at: this.address })
    const fault = new Fault('bus_jammed', this.address)
    this.#refused = { fault, until_ms: this.#parts.pace.now_ms() + this.#options.refuse_ms }
    this.#onLost('bus_jammed')
  }
}
