/**
 * Ships the log to the cloud: one batch in flight, sent again from the last receipt when none
 * comes. It holds nothing itself: the log is the queue, and only a receipt moves it on.
 *
 * A broker's acknowledgement means nothing here. A lost receipt costs one resend, never a storm.
 */

import { printBatch, type SendStamp } from '#devices/contract/batch.ts'
import { Receipt } from '#devices/contract/receipt.ts'
import { topic } from '#devices/contract/topics.ts'
import { type Cancel, type Pace, sleep } from '#devices/std/clock.ts'
import { isFault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { jittered, type Random } from '#devices/std/random.ts'
import type { Outgoing, ReceiptEffect, ShipCursor, ShipperLog, Uplink } from '../ports.ts'
import { NOT_OWNER_RETRY_MS, RECEIPT_WAIT_MOST_MS, RECEIPT_WAIT_MS, REWINDS_MAX } from './limits.ts'

export type ShipperDeps = {
  hall: string
  gateway: string
  log: ShipperLog
  uplink: Pick<Uplink, 'publish' | 'connected'>
  pace: Pace
  random: Random
  sendStamp: () => SendStamp
  /** Compresses a batch where that pays. */
  pack: (batch: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** Publishes the birth, stamped so; its receipt says from where to ship. */
  birth: (sent: SendStamp, fence: number) => void
  /** Called with every receipt meant for this gateway, for the skew and the pages. */
  onReceipt?: (receipt: Receipt, effect: ReceiptEffect) => void
  /** A new epoch was begun: the engine reads its state again. */
  onBranched?: () => Promise<void> | void
  logger: Log
}

export type ShipperState = 'idle' | 'waiting' | 'not_owner' | 'offline'

export interface Shipper {
  /** Something was appended, or the link came back. */
  wake(): void
  /** The link is up and a birth was sent: its receipt says where to go on. */
  connected(): void
  disconnected(): void
  /** The payload of the receipt topic. */
  receive(payload: string): Promise<void>
  readonly state: ShipperState
  readonly fence: number
  stop(): void
}

type InFlight = { from: ShipCursor | null; batch: Outgoing; stamp: SendStamp; cancel: Cancel }
type Birth = { stamp: SendStamp; cancel: Cancel }

export function shipper(deps: ShipperDeps, start: { fence: number }): Shipper {
  return new OneInFlight(deps, start.fence)
}

class OneInFlight implements Shipper {
  readonly #deps: ShipperDeps
  #state: ShipperState = 'offline'
  #fence: number
  /** Undefined: the receipt of the birth has not come yet. */
  #cursor: ShipCursor | null | undefined
  #inFlight: InFlight | null = null
  #birth: Birth | null = null
  #reading = false
  #resends = 0
  #rewinds = 0
  #stopped = false
  /** Of the last receipt that answered what we sent; null before the first of this run. */
  #ledger: string | null = null
  /** Receipts are taken one after the other, in the order of arrival. */
  #taking: Promise<void> = Promise.resolve()

  constructor(deps: ShipperDeps, fence: number) {
    this.#deps = deps
    this.#fence = fence
  }

  get state(): ShipperState {
    return this.#state
  }

  get fence(): number {
    return this.#fence
  }

  wake(): void {
    void this.#pump()
  }

  connected(): void {
    if (this.#state === 'offline') this.#state = 'idle'
    // What the last link owed says nothing of this one, and links do not all come back at once.
    this.#resends = 0
    this.#sayBirth()
  }

  disconnected(): void {
    this.#settleFlight()
    this.#endBirth()
    this.#cursor = undefined
    this.#state = 'offline'
  }

  receive(payload: string): Promise<void> {
    this.#taking = this.#taking
      .then(() => this.#take(payload))
      .catch((error: unknown) => this.#passOver(error))
    return this.#taking
  }

  stop(): void {
    this.#stopped = true
    this.#settleFlight()
    this.#birth?.cancel()
  }

  async #pump(): Promise<void> {
    if (this.#stopped || this.#reading || this.#inFlight !== null) return
    if (this.#cursor === undefined || this.#state === 'not_owner') return
    const from = this.#cursor
    this.#reading = true
    try {
      await this.#sendBehind(from)
    } catch (error) {
      this.#passOver(error)
    } finally {
      this.#reading = false
      const idle = this.#inFlight === null && this.#cursor !== undefined
      if (idle && this.#state === 'waiting') this.#state = 'idle'
    }
    // It moved while the log was read: what was read is not what comes next.
    if (this.#cursor !== from) await this.#pump()
  }

  async #sendBehind(from: ShipCursor | null): Promise<void> {
    const batch = await this.#deps.log.readBatch(from)
    if (batch === null || !this.#maySend(from)) return
    this.#state = 'waiting'
    const stamp = this.#deps.sendStamp()
    this.#inFlight = { from, batch, stamp, cancel: this.#armTimeout() }
    await this.#send(batch, stamp)
  }

  /** While the log was read, a receipt may have moved us on or stopped us. */
  #maySend(from: ShipCursor | null): boolean {
    return !this.#stopped && this.#cursor === from && this.#state !== 'not_owner'
  }

  async #send(batch: Outgoing, sent: SendStamp): Promise<void> {
    const { gateway, hall, pack, uplink, logger } = this.#deps
    const { epoch, first, prev } = batch
    const header = { v: 1 as const, gateway, fence: this.#fence, epoch, first, prev, sent }
    const bytes = printBatch(header, batch.records, (text) => encoder.encode(text))
    const packed = await pack(bytes)
    // What the broker says is not waited for: the receipt is the answer, the time-out the remedy.
    uplink.publish(topic(hall, 'log'), packed).catch((error: Error) => {
      logger('debug', 'batch.not_sent', { reason: error.message })
    })
  }

  /** The disk let us down for a moment: the time-out tries again. */
  #passOver(error: unknown): void {
    if (!isFault(error)) throw error
    this.#deps.logger('warn', 'shipping.disk', { code: error.code })
    if (this.#inFlight !== null) return
    this.#deps.pace.after(this.#wait_ms(), 'disk', () => void this.#pump())
  }

  #wait_ms(): number {
    const doubled_ms = RECEIPT_WAIT_MS * 2 ** Math.min(this.#resends, 8)
    return jittered(this.#deps.random, Math.min(doubled_ms, RECEIPT_WAIT_MOST_MS))
  }

  #armTimeout(): Cancel {
    return this.#deps.pace.after(this.#wait_ms(), 'receipt', () => {
      this.#inFlight = null
      this.#resends++
      this.#deps.logger('info', 'batch.resent', { resends: this.#resends })
      void this.#pump()
    })
  }

  /** Says that we are there, again until a receipt answers it. */
  #sayBirth(): void {
    if (this.#stopped || this.#state === 'offline') return
    this.#birth?.cancel()
    const stamp = this.#deps.sendStamp()
    const cancel = this.#deps.pace.after(this.#wait_ms(), 'birth', () => {
      this.#resends++
      this.#sayBirth()
    })
    this.#birth = { stamp, cancel }
    this.#deps.birth(stamp, this.#fence)
  }

  #endBirth(): void {
    this.#birth?.cancel()
    this.#birth = null
  }

  #settleFlight(): void {
    this.#inFlight?.cancel()
    this.#inFlight = null
  }

  async #take(payload: string): Promise<void> {
    const receipt = readReceipt(payload)
    if (receipt === null) {
      this.#deps.logger('warn', 'receipt.unreadable')
      return
    }
    if (receipt.gateway !== this.#deps.gateway || this.#stopped) return
    // Unasked: something about the ownership changed. Ask in the ordinary way.
    if (receipt.echo === null) return this.#sayBirth()
    this.#fence = receipt.fence
    const answers = this.#answered(receipt)
    // A late answer to an earlier sending can still settle; anything else it says is out of date.
    if (answers === null && receipt.status !== 'held') return
    // So is one of a ledger that was put back since: taken now, it would look like the newer one.
    if (answers === null && receipt.ledger !== this.#ledger) return
    this.#ledger = receipt.ledger
    await this.#follow(receipt, answers)
    void this.#pump()
  }

  async #follow(receipt: Receipt, answers: 'batch' | 'birth' | null): Promise<void> {
    const sent = answers === 'batch' ? this.#inFlight!.from : null
    const effect = await this.#deps.log.takeReceipt(receipt, sent)
    if (answers === 'birth') this.#endBirth()
    if (answers !== null || this.#endsFlight(effect)) await this.#act(effect)
    // The batch in flight is only partly covered: if it must be sent again, then from there.
    else if (effect.type === 'settled' && this.#cursor !== undefined) this.#cursor = effect.next
    this.#deps.onReceipt?.(receipt, effect)
  }

  #answered(receipt: Receipt): 'batch' | 'birth' | null {
    if (sameStamp(receipt.echo, this.#inFlight?.stamp)) return 'batch'
    if (sameStamp(receipt.echo, this.#birth?.stamp)) return 'birth'
    return null
  }

  #endsFlight(effect: ReceiptEffect): boolean {
    if (effect.type === 'branched') return true
    if (effect.type !== 'settled' || this.#inFlight === null) return false
    const { last } = this.#inFlight.batch
    return effect.next?.epoch !== last.epoch || effect.next.seq >= last.seq
  }

  async #act(effect: ReceiptEffect): Promise<void> {
    switch (effect.type) {
      case 'ignored':
        this.#deps.logger('debug', 'receipt.ignored', { why: effect.why })
        await this.#slowDown()
        this.#settleFlight()
        this.#cursor ??= await this.#lastConfirmed()
        return
      case 'not_owner':
        this.#settleFlight()
        this.#holdBack()
        return
      case 'settled':
        this.#goOn(effect.next)
        this.#resends = 0
        this.#rewinds = 0
        return
      case 'rewound':
        await this.#slowDown()
        this.#goOn(effect.next)
        return
      case 'branched':
        this.#goOn(effect.next)
        this.#deps.logger('warn', 'log.branched')
        await this.#deps.onBranched?.()
        return
    }
  }

  /**
   * In front of the last record that a receipt covers. A batch from there is answered with more than
   * a position: a cloud that lacks what it confirmed says `gap`.
   */
  async #lastConfirmed(): Promise<ShipCursor | null> {
    const { receipted } = await this.#deps.log.status()
    return receipted && { epoch: receipted.epoch, seq: Math.max(receipted.seq - 1, 0) }
  }

  #goOn(next: ShipCursor | null): void {
    this.#settleFlight()
    this.#cursor = next
    this.#state = 'idle'
  }

  /** Two sides that keep sending one another back must not spin. */
  async #slowDown(): Promise<void> {
    const { pace, random } = this.#deps
    this.#rewinds++
    if (this.#rewinds > REWINDS_MAX) await sleep(pace, jittered(random, RECEIPT_WAIT_MS), 'rewind')
  }

  #holdBack(): void {
    const { pace, random, logger } = this.#deps
    this.#state = 'not_owner'
    logger('warn', 'shipping.not_owner')
    pace.after(jittered(random, NOT_OWNER_RETRY_MS), 'not_owner', () => {
      if (this.#state !== 'not_owner') return
      this.#state = 'idle'
      this.#cursor = undefined
      this.#sayBirth()
    })
  }
}

const encoder = new TextEncoder()

function sameStamp(a: SendStamp | null, b: SendStamp | undefined): boolean {
  return a !== null && b !== undefined && a.boot === b.boot && a.mono_ms === b.mono_ms
}

function readReceipt(payload: string): Receipt | null {
  try {
    return Receipt.parse(JSON.parse(payload))
  } catch {
    return null
  }
}
