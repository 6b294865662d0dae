/**
 * What a hall may do on the broker. Pure. A hall sends upwards and listens downwards, below its own
 * prefix only. A name that this version does not know is let through, so that a newer gateway works
 * with an older controller, and told apart, so that it is counted.
 */
import { isDown, isUp, parseTopic } from '#devices/contract/topics.ts'

export type Access = 'known' | 'unknown' | 'refused'

export function mayPublish(hall: string, topic: string): Access {
  const parsed = parseTopic(topic)
  if (parsed === null || parsed.hall !== hall || isDown(parsed.name)) return 'refused'
  return isUp(parsed.name) ? 'known' : 'unknown'
}

/** No wildcards: a hall knows the names of what it is sent. */
export function maySubscribe(hall: string, filter: string): Access {
  if (/[+#$]/.test(filter)) return 'refused'
  const parsed = parseTopic(filter)
  if (parsed === null || parsed.hall !== hall || isUp(parsed.name)) return 'refused'
  return isDown(parsed.name) ? 'known' : 'unknown'
}
