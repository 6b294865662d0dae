/** The one place that spells topics. A hall publishes and subscribes only below `hw1/{hall}/`. */
import { HallId } from './text.ts'

const ROOT = 'hw1'

export const UP = ['log', 'telemetry', 'presence', 'reported', 'reply'] as const
export const DOWN = ['receipt', 'desired', 'command'] as const
export type UpTopic = (typeof UP)[number]
export type DownTopic = (typeof DOWN)[number]

export function topic(hall: string, name: UpTopic | DownTopic): string {
  return `${ROOT}/${hall}/${name}`
}

/** Everything that halls send, for a subscriber on any broker. */
export function allHalls(name: UpTopic): string {
  return `${ROOT}/+/${name}`
}

/** `name` is null for a topic below a hall's prefix that this version does not know. */
export function parseTopic(
  value: string,
): { hall: string; name: UpTopic | DownTopic | null } | null {
  const [root, hall, name, ...rest] = value.split('/')
  if (root !== ROOT || hall === undefined || name === undefined) return null
  if (!HallId.safeParse(hall).success) return null
  const known = [...UP, ...DOWN].find((candidate) => candidate === name)
  return { hall, name: rest.length === 0 && known !== undefined ? known : null }
}

export function isUp(name: string | null): name is UpTopic {
  return UP.includes(name as UpTopic)
}

export function isDown(name: string | null): name is DownTopic {
  return DOWN.includes(name as DownTopic)
}
