/** What the HTTP side needs and how it can be set, as types. */
import type { Context } from 'hono'
import type { Log } from '#devices/std/log.ts'
import type { Rate } from '#devices/std/rate.ts'
import type { PagePart } from '../console/files.ts'
import type { Enrolment } from '../enrol/enrolment.ts'
import type { HallPresence } from '../health/presence.ts'
import type { Access } from './access.ts'
import type { LiveFeed } from './live.ts'
import type { Reads } from './reads.ts'

export type Reprojected = { build: number; records: number; rejected: number }

export type HttpDeps = {
  reads: Reads
  enrolment: Enrolment
  presence: { of(hall: string): HallPresence }
  live: LiveFeed
  access: Access
  page: ReadonlyMap<string, PagePart>
  /** Names of the projections, in the order in which they are made anew. */
  projections: readonly string[]
  /** Makes one projection of a hall anew. Raises `not_found`, `wrong_state` while it is being done. */
  reproject: (hall: string, projection: string) => Promise<Reprojected>
  /** Parts that must work, each by name. */
  health: () => Promise<Record<string, boolean>>
  /** Wall clock in ms since 1970 UTC. */
  now_ms: () => number
  log: Log
}

export type HttpOptions = {
  version: string
  /** What is not protected, for the red bar; empty when everything is. */
  insecure: readonly string[]
  /** Callers on loopback see the live page without a login. */
  open: boolean
  /** The listener speaks TLS: cookies are for TLS only. */
  secure_cookie: boolean
  streams_max?: number
  /** How fast one credential may ask. */
  requests?: Partial<Rate>
  /** How the caller's address is found; tests that have no socket bring their own. */
  peer?: (c: Context) => string | undefined
}
