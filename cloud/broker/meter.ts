/**
 * A bounded rate of messages, as the time each must wait. Pure but for the clock it is given; keeps
 * one number, whatever is asked of it.
 */

export type Rate = {
  /** Messages that need not wait after a rest. */
  burst: number
  messages_a_second: number
}

/** Each call is one message; the answer is how many ms it must wait, in the order of the calls. */
export function meter({ burst, messages_a_second }: Rate, now_ms: () => number): () => number {
  const apart_ms = 1_000 / messages_a_second
  let due_ms = Number.NEGATIVE_INFINITY
  return () => {
    const now = now_ms()
    due_ms = Math.max(due_ms, now) + apart_ms
    return Math.max(0, due_ms - now - burst * apart_ms)
  }
}
