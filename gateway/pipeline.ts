/**
 * One hall, from an input to a receipt, top to bottom:
 *
 *   input ─► desk (decide) ─► log (append, fsync) ─► "recorded", effects
 *                               │
 *                            shipper ─► uplink ─► cloud
 *            birth, receipts ◄──┴────────┘
 *
 * Only connects: what to decide is the engine's, what a receipt means is the log's, when to send is
 * the shipper's. Everything that touches the outside comes in as an argument.
 */
import type { SendStamp } from '#devices/contract/batch.ts'
import type { Birth, DevicePresence } from '#devices/contract/presence.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import type { Draft, Stamp } from '#devices/contract/record.ts'
import { topic } from '#devices/contract/topics.ts'
import type { Pace } from '#devices/std/clock.ts'
import { isFault } from '#devices/std/fault.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import type { Random } from '#devices/std/random.ts'
import { type HallDesk, openDesk } from './hall/desk.ts'
import { unclosedPrints } from './hall/effects.ts'
import type { Effect } from './hall/input.ts'
import { unclosedPins } from './hall/pins.ts'
import type { Places } from './hall/places.ts'
import { type HallState, printState } from './hall/state.ts'
import type { LogClient } from './log/client.ts'
import { SNAPSHOT_EVERY } from './log/limits.ts'
import { PacedLines } from './paced-lines.ts'
import type { Appended, ReceiptEffect, ShipCursor, Uplink } from './ports.ts'
import { rebuildState } from './rebuild.ts'
import { type Shipper, type ShipperDeps, shipper } from './uplink/shipper.ts'

export type HallParts = {
  hall: string
  gateway: string
  version: string
  /** Fencing number known from the enrolment or the last receipt. */
  fence: number
  log: LogClient
  uplink: Uplink & { readonly session: string }
  pace: Pace
  random: Random
  /** Fact time with the skew as measured. */
  stamps: () => Stamp
  /** 16 hex digits from 64 random bits. */
  fresh: () => string
  sendStamp: () => SendStamp
  pack: (batch: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** Effects leave here, after their records are on disk. Must not throw. */
  onEffects: (effects: Effect[], state: Readonly<HallState>) => void
  devices: () => DevicePresence[]
  /** Kept up to date with where records stand and how far receipts reach. */
  places?: Places
  onReceipt?: (receipt: Receipt, effect: ReceiptEffect) => void
  logger: Logger
  housekeeping_ms?: number
  snapshot_every?: number
}

export interface Hall {
  readonly desk: HallDesk
  readonly shipper: Shipper
  /** Something was refused for want of room on the disk, less than a minute ago or last of all. */
  readonly full: boolean
  /** Sends the birth again: devices or configuration changed. */
  announce(): void
  stop(): Promise<void>
}

const HOUSEKEEPING_MS = 30_000
/** Nothing refused for so long: there is room again. */
const FULL_MS = 60_000

export async function openHall(parts: HallParts): Promise<Hall> {
  const { log } = parts
  const history = new History(parts, () => ship.wake())
  const lines = new PacedLines({ pace: parts.pace, log: parts.logger })
  const desk = openDesk({
    log: history,
    stamps: parts.stamps,
    fresh: parts.fresh,
    state: await history.rebuild(),
    rebuild: () => history.rebuild(),
    onEffects: parts.onEffects,
    logger: (...line) => lines.say(...line),
  })
  const announce = announcer(parts, desk)
  const ship = shipper(shipperDeps(parts, { desk, announce }), { fence: parts.fence })
  follow(parts, ship)
  const stopHousekeeping = repeatHousekeeping(parts, () => history.keepHouse(desk))
  parts.places?.receiptedTo((await log.status()).receipted)
  // Prints and PIN prompts that a stopped gateway left open: how they ended nobody knows.
  const left = desk.state as HallState
  const unclosed = [...unclosedPrints(left), ...unclosedPins(left)]
  await Promise.all(unclosed.map((ask) => desk.submit(ask)))
  return {
    desk,
    shipper: ship,
    get full() {
      return history.full
    },
    announce: () => announce(parts.sendStamp(), ship.fence),
    async stop() {
      stopHousekeeping()
      ship.stop()
      await desk.idle()
      lines.end()
    },
  }
}

/** The desk's way to the log: knows where the log ends and how much of it no snapshot holds yet. */
class History {
  readonly #parts: HallParts
  readonly #appended: () => void
  #last: ShipCursor | null = null
  #sinceSnapshot = 0
  /** The log is full: what is booked must make room, and only a snapshot lets it go. */
  #full = false
  /** When an append was last refused for want of room, and whether one went through since. */
  #refused: { at_ms: number; last: boolean } | null = null

  constructor(parts: HallParts, appended: () => void) {
    this.#parts = parts
    this.#appended = appended
  }

  async rebuild(): Promise<HallState> {
    const { log, logger, places } = this.#parts
    const { state, last, folded } = await rebuildState(log, logger, places)
    this.#last = last
    this.#sinceSnapshot = folded
    return state
  }

  async append(records: readonly { draft: Draft; at: Stamp }[]): Promise<Appended> {
    try {
      const appended = await this.#parts.log.append(records)
      if (this.#refused !== null) this.#refused.last = false
      return this.#note(records, appended)
    } catch (error) {
      if (isFault(error, 'disk_full')) {
        this.#full = true
        this.#refused = { at_ms: this.#parts.pace.now_ms(), last: true }
      }
      throw error
    }
  }

  /** What closes something is taken longer than what is new: one that went through says little. */
  get full(): boolean {
    if (this.#refused === null) return false
    const { at_ms, last } = this.#refused
    return last || this.#parts.pace.now_ms() - at_ms < FULL_MS
  }

  #note(records: readonly { draft: Draft }[], appended: Appended): Appended {
    const { epoch, first, last } = appended
    for (const [i, { draft }] of records.entries()) {
      this.#parts.places?.note(draft, { epoch, seq: first + i })
    }
    this.#last = { epoch, seq: last }
    this.#sinceSnapshot += last - first + 1
    this.#appended()
    return appended
  }

  /** In a turn of its own: every append that was answered is in the synced state by then. */
  async keepHouse(desk: HallDesk): Promise<void> {
    const { log, snapshot_every, stamps } = this.#parts
    const due = this.#full ? 1 : (snapshot_every ?? SNAPSHOT_EVERY)
    if (this.#last !== null && this.#sinceSnapshot >= due) {
      this.#sinceSnapshot = 0
      this.#full = false
      await log.saveSnapshot(this.#last, printState(desk.state as HallState))
    }
    while ((await log.prune(stamps().wall_ms)) > 0);
  }
}

type Announce = (sent: SendStamp, fence: number) => void

function announcer(parts: HallParts, desk: HallDesk): Announce {
  const { uplink, hall, logger } = parts
  const say = async (sent: SendStamp, fence: number) => {
    const birth = encoder.encode(JSON.stringify(await birthOf(parts, { sent, fence, desk })))
    await uplink.publish(topic(hall, 'presence'), birth, { retain: true })
  }
  return (sent, fence) => {
    void say(sent, fence).catch((error: unknown) => {
      if (!isFault(error)) throw error
      logger('debug', 'birth.not_sent', { code: error.code })
    })
  }
}

function shipperDeps(parts: HallParts, to: { desk: HallDesk; announce: Announce }): ShipperDeps {
  const { hall, gateway, log, uplink, pace, random, sendStamp, pack, logger } = parts
  return {
    ...{ hall, gateway, log, uplink, pace, random, sendStamp, pack, logger },
    birth: to.announce,
    onBranched: () => to.desk.reload(),
    onReceipt: (receipt, effect) => {
      if ('next' in effect) parts.places?.receiptedTo(effect.next)
      parts.places?.refuse(effect.refused)
      parts.onReceipt?.(receipt, effect)
    },
  }
}

/** The shipper hears what happens to the link and what comes over it. */
function follow({ uplink, hall }: HallParts, ship: Shipper): void {
  uplink.onReady(() => ship.connected())
  // The link may have come up while the log was read.
  if (uplink.connected) ship.connected()
  uplink.onLost(() => ship.disconnected())
  uplink.onMessage((to, payload) => {
    if (to === topic(hall, 'receipt')) void ship.receive(decoder.decode(payload))
  })
}

/** Gives back how to stop it. */
function repeatHousekeeping(parts: HallParts, keepHouse: () => Promise<void>): () => void {
  const { pace, logger, housekeeping_ms = HOUSEKEEPING_MS } = parts
  let stopped = false
  const schedule = () => {
    pace.after(housekeeping_ms, 'housekeeping', () => {
      if (stopped) return
      keepHouse()
        .catch((error: unknown) => {
          if (!isFault(error)) throw error
          logger('warn', 'housekeeping.failed', { code: error.code })
        })
        .finally(schedule)
    })
  }
  schedule()
  return () => {
    stopped = true
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

type BirthMoment = { sent: SendStamp; fence: number; desk: HallDesk }

async function birthOf(parts: HallParts, { sent, fence, desk }: BirthMoment): Promise<Birth> {
  const status = await parts.log.status()
  const { wall_ms, skew_ms } = parts.stamps()
  return {
    v: 1,
    type: 'birth',
    gateway: parts.gateway,
    fence,
    session: parts.uplink.session,
    epoch: status.epoch,
    epoch_number: status.epoch_number,
    parent: status.parent,
    head: status.head,
    unbooked: status.unbooked,
    unbooked_since_ms: status.unbooked_since_ms,
    version: parts.version,
    config_version: desk.state.config?.version ?? 0,
    devices: parts.devices(),
    clock: { wall_ms, skew_ms },
    sent,
  }
}
