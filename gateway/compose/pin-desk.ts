/**
 * A PIN for an order, from the customer's agreement on a screen to the record that binds it: the
 * prompt is recorded before the pad is asked, the pad's word is recorded before anybody hears it, and
 * an order is confirmed only with a PIN entered for exactly its content (the engine's part).
 *
 * Account numbers, blocks and digits live in one call of `begin` and nowhere else: the block comes
 * back sealed to whoever asked, and is gone with a restart; then the customer is asked again.
 * A prompt is never taken up again: after a reconnect it is over, after a restart it is `unknown`.
 *
 * Faults as answers: those of the engine, `device_gone` where the counter has no pad that works,
 * `invalid` for an account number or length that no pad takes.
 */
import { type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import { checkPinRequest } from '../drivers/pin-pad-driver.ts'
import type { PinAnswer, PinPrompt, PromptsPin, SealPin } from '../drivers/pin-prompt.ts'
import type { Ask, Effect } from '../hall/input.ts'
import { pinAt } from '../hall/pins.ts'
import type { HallState } from '../hall/state.ts'
import type { Desk } from '../ports.ts'

/** A counter's pad as the floor has it. */
export type CounterPad = PromptsPin & { device: string; online: boolean }

export type PinDeskParts = {
  desk: Desk
  /** The synced state. */
  state: () => Readonly<HallState>
  pads: (counter: string) => readonly CounterPad[]
  /** 16 hex digits from 64 random bits. */
  fresh: () => string
  /** Names this run of the program: outcomes are numbered within it. */
  boot: string
  pace: Pace
  random: Random
}

export type PinWanted = {
  order: string
  content_hash: string
  counter: string
  /** Where the customer saw that content and agreed to it. */
  screen: string
  account: string
  digits: number
  /** To whoever asked. */
  seal: SealPin
}

export type PinDone =
  | { outcome: 'refused'; fault: Fault }
  /** On record. `sealed` only with `entered`. */
  | ({ outcome: PinAnswer['outcome']; request: string } & Pick<PinAnswer, 'reason' | 'sealed'>)

export interface PinDesk {
  begin(wanted: PinWanted): Promise<PinDone>
  /** Takes effects of synced records: a pad whose prompt is over is told so. */
  act(effects: readonly Effect[], state: Readonly<HallState>): void
}

type Open = { request: string; pad: CounterPad }

export function pinDesk(parts: PinDeskParts): PinDesk {
  /** Counter → the prompt its pad has. */
  const open = new Map<string, Open>()
  let outcomes = 0

  async function begin(wanted: PinWanted): Promise<PinDone> {
    const { order, content_hash, counter, screen } = wanted
    const pad = parts.pads(counter).find(({ online }) => online)
    if (pad === undefined) return refused(new Fault('device_gone', 'PIN pad'))
    try {
      checkPinRequest(wanted)
    } catch (error) {
      if (error instanceof Fault) return refused(error)
      throw error
    }
    const request = parts.fresh()
    const names = { order, content_hash, counter, screen, request }
    const answer = await parts.desk.submit({ type: 'order.pin_begin', ...names })
    if (answer.outcome === 'refused') return refused(answer.fault)
    if (!isOpen(parts.state(), counter, request)) return over(request)
    open.get(counter)?.pad.cancelPin()
    open.set(counter, { request, pad })
    const { outcome, reason, sealed, ...by } = await prompt(pad, wanted)
    if (open.get(counter)?.request === request) open.delete(counter)
    const { device } = pad
    const ended = { order, request, outcome, device, pad: by.pad, key: by.key }
    const fault = await record({ type: 'pin.outcome', ...ended }, device)
    if (fault === null) return { outcome, request, reason, sealed }
    return fault.code === 'wrong_state' ? over(request) : refused(fault)
  }

  /** The outcome must get into the log; only the end of this process keeps it from that. */
  async function record(ask: Ask, device: string): Promise<Fault | null> {
    const source = { device, boot: parts.boot, event: ++outcomes }
    for (const delay_ms of backOff(parts.random, 100, 5_000)) {
      const answer = await parts.desk.submit(ask, source)
      if (answer.outcome === 'recorded') return null
      if (!answer.fault.transient) return answer.fault
      await sleep(parts.pace, delay_ms, 'PIN outcome')
    }
    return null
  }

  return {
    begin,
    act(effects, state) {
      for (const effect of effects) {
        if (effect.type !== 'pin') continue
        const mine = open.get(effect.counter)
        if (mine !== undefined && !isOpen(state, effect.counter, mine.request)) {
          mine.pad.cancelPin()
        }
      }
    },
  }
}

/** A driver that is being closed asks nobody any more. */
async function prompt(pad: CounterPad, wanted: PinPrompt): Promise<PinAnswer> {
  const { account, digits, content_hash, seal } = wanted
  try {
    return await pad.promptPin({ account, digits, content_hash, seal })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const nothing = { pad: null, key: null, sealed: null }
    return { outcome: 'failed', reason: error.code, content_hash, ...nothing }
  }
}

function isOpen(state: Readonly<HallState>, counter: string, request: string): boolean {
  const now = pinAt(state as HallState, counter)
  return now.state === 'open' && now.request === request
}

/** Something newer ended the prompt, which is on record: what the pad said counts for nothing. */
function over(request: string): PinDone {
  return { outcome: 'cancelled', request, reason: 'replaced', sealed: null }
}

function refused(fault: Fault): PinDone {
  return { outcome: 'refused', fault }
}
