/**
 * A serial line under virtual time: the real driver on one end, a simulated device on the other, and
 * between them bytes that come in pieces, late, and now and then a plug that is pulled.
 */
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { Transport } from '../../gateway/transports/transport.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'

/** `alive`: the gateway's life that holds this end; what comes after it is lost. */
export function simWire(
  model: DeviceModel,
  parts: { scheduler: Scheduler; rng: Rng; alive: () => boolean },
): Transport {
  const { scheduler, rng, alive } = parts
  return {
    address: 'serial:/dev/sim',
    open: async (handlers) => {
      let up = true
      let last_ms = 0
      const soon = (what: string, run: () => void) => {
        // Never out of turn: a line has no reordering.
        last_ms = Math.max(last_ms + 0.01, scheduler.now_ms() + 1 + rng() * 5)
        scheduler.after(last_ms - scheduler.now_ms(), what, () => up && alive() && run())
      }
      const end = (reason: string) => {
        if (!up) return
        up = false
        model.detach()
        handlers.onClose(reason)
      }
      model.attach((bytes) => {
        const cut = draw.int(rng, 0, bytes.length)
        for (const piece of [bytes.slice(0, cut), bytes.slice(cut)])
          if (piece.length > 0) soon('bytes', () => handlers.onData(piece))
      })
      return {
        write(bytes) {
          if (draw.chance(rng, 0.01)) scheduler.after(1, 'plug', () => alive() && end('reset'))
          else soon('bytes', () => model.receive(bytes))
        },
        close: () => end('closed'),
      }
    },
  }
}
