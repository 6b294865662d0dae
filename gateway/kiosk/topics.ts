/**
 * Topics of the gateway's own broker, and who may use which. Pure.
 *
 * | topic | who sends | payload |
 * | --- | --- | --- |
 * | `hw1-local/{client}/request` | that client | one request, or `hello` |
 * | `hw1-local/{client}/reply` | the gateway | its one answer |
 * | `hw1-hall/board` | the gateway, retained | the whole board |
 * | `hw1-hall/{call, counter, day, queue, card, held_back}` | the gateway | one event |
 *
 * `{client}` is the name of the client's token, which is also its user name.
 */

const HALL = 'hw1-hall'
const LOCAL = 'hw1-local'
const EVENTS = ['board', 'call', 'counter', 'day', 'queue', 'card', 'held_back'] as const
export type HallTopic = (typeof EVENTS)[number]

export function hallTopic(name: HallTopic): string {
  return `${HALL}/${name}`
}

export function replyTopic(client: string): string {
  return `${LOCAL}/${client}/reply`
}

export function mayPublish(client: string, topic: string): boolean {
  return topic === `${LOCAL}/${client}/request`
}

/** No wildcard but the last level of what is the client's own or everybody's. */
export function maySubscribe(client: string, filter: string): boolean {
  const own = [replyTopic(client), `${LOCAL}/${client}/#`, `${HALL}/#`]
  return own.includes(filter) || EVENTS.some((name) => filter === hallTopic(name))
}
