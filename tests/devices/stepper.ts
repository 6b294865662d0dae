/** Drives one pure machine event by event, at times the test says, and sorts what it does. */
import { toHex } from '#devices/std/bytes.ts'
import type { Action, DeviceType, MachineEvent } from '#devices/types/machine.ts'

export type Done<Input, Result> = {
  sent: string[]
  labels: string[]
  emitted: Input[]
  finished: [number, Result][]
  states: string[]
  timers: number[]
  counted: string[]
  dropped: boolean
}

export function stepper<State, Frame, Command, Input, Result, Options>(
  type: DeviceType<State, Frame, Command, Input, Result, Options>,
  options: Partial<Options> = {},
) {
  let state = type.begin({ ...type.defaults, ...options })
  const give = (event: MachineEvent<Frame, Command>, now_ms: number) => {
    const step = type.step(state, event, now_ms)
    state = step.state
    return sorted(step.actions)
  }
  return {
    get state() {
      return state
    },
    connect: (now_ms: number) => give({ type: 'connected' }, now_ms),
    disconnect: (now_ms: number) => give({ type: 'disconnected' }, now_ms),
    frame: (frame: Frame, now_ms: number) => give({ type: 'frame', frame }, now_ms),
    timer: (now_ms: number) => give({ type: 'timer' }, now_ms),
    command: (id: number, command: Command, now_ms: number) =>
      give({ type: 'command', id, command }, now_ms),
    settle: (
      boot: string,
      event: number,
      outcome: 'recorded' | 'refused' | 'failed',
      now_ms: number,
    ) => give({ type: 'settled', boot, event, outcome }, now_ms),
  }
}

function sorted<Input, Result>(actions: readonly Action<Input, Result>[]): Done<Input, Result> {
  const done: Done<Input, Result> = {
    sent: [],
    labels: [],
    emitted: [],
    finished: [],
    states: [],
    timers: [],
    counted: [],
    dropped: false,
  }
  for (const action of actions) {
    if (action.do === 'send') {
      done.sent.push(toHex(action.bytes))
      done.labels.push(action.label)
    } else if (action.do === 'emit') done.emitted.push(action.input)
    else if (action.do === 'finish') done.finished.push([action.id, action.result])
    else if (action.do === 'state') done.states.push(`${action.state}: ${action.reason}`)
    else if (action.do === 'timer') done.timers.push(action.ms)
    else if (action.do === 'count') done.counted.push(action.counter)
    else if (action.do === 'drop') done.dropped = true
  }
  return done
}
