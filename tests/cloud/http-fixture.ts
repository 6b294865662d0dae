/** A controller's HTTP side over a real database, with halls whose logs were really booked. */
import { loadPage } from '../../cloud/console/files.ts'
import { createEnrolment } from '../../cloud/enrol/enrolment.ts'
import { makeKey } from '../../cloud/enrol/keys.ts'
import { createEnrolStore, prepareEnrolment } from '../../cloud/enrol/store-postgres.ts'
import { PresenceBoard } from '../../cloud/health/board.ts'
import { createAccess } from '../../cloud/http/access.ts'
import { createHttp } from '../../cloud/http/app.ts'
import type { HttpOptions } from '../../cloud/http/deps.ts'
import { createLiveFeed } from '../../cloud/http/live.ts'
import { createReads } from '../../cloud/http/reads-postgres.ts'
import { chainHashes } from '../../cloud/intake/chain.ts'
import { commit } from '../../cloud/intake/commit.ts'
import { unpackBatch } from '../../cloud/intake/unpack.ts'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { answers, openQueries } from '../../cloud/store/queries.ts'
import { reproject } from '../../cloud/store/reproject.ts'
import { type BatchHeader, printBatch } from '../../devices/contract/batch.ts'
import type { HallRules } from '../../devices/contract/hall-rules.ts'
import { type Position, ZERO_HASH } from '../../devices/contract/position.ts'
import { type Draft, printRecord } from '../../devices/contract/record.ts'
import { silent } from '../../devices/std/log.ts'
import { EPOCH, stamp } from './log-maker.ts'

export const ADMIN = 'admin-token-of-this-test'
export const GATEWAY = 'gw-1'
export const NOW_MS = Date.UTC(2026, 9, 12, 1, 0)

export const rules: HallRules = {
  hall_name: { zh: '人民路营业厅', en: 'Renmin Road' },
  zone: 'Asia/Shanghai',
  services: [
    {
      service: 'PS',
      name: { zh: '个人业务', en: 'Personal' },
      band: { prefix: 'A', first: 1, last: 999, digits: 3 },
    },
    {
      service: 'NW',
      name: { zh: '开户咨询', en: 'New customers' },
      band: { prefix: 'B', first: 1, last: 999, digits: 3 },
    },
  ],
  classes: [{ class: 'ordinary', name: { zh: '普通', en: 'Ordinary' }, credit_s: 0 }],
  counters: ['3', '4'],
  guard_window_ms: 1_500,
}

const utf8 = new TextEncoder()

/** Appends to a hall's log as its gateway would, batch by batch, through the real intake. */
export class LogWriter {
  readonly hall: string
  readonly #store: PgStore
  epoch = EPOCH
  seq = 0
  hash = ZERO_HASH
  fence = 0
  gateway = GATEWAY
  #number = 0

  constructor(store: PgStore, hall: string) {
    this.#store = store
    this.hall = hall
  }

  async begin(epoch: string, parent: Position | null, continues = true): Promise<void> {
    this.epoch = epoch
    this.seq = 0
    this.hash = parent?.hash ?? ZERO_HASH
    const number = ++this.#number
    const { gateway } = this
    const reason = number === 1 ? ('first' as const) : ('restored' as const)
    const data = { epoch, number, reason, gateway, parent, continues, numbers: null }
    const begun = { kind: 'epoch.begun', data } as Draft
    await this.append([[0, begun]])
  }

  async append(entries: readonly (readonly [number, Draft])[]): Promise<void> {
    const records = entries.map(([second, draft]) => utf8.encode(printRecord(draft, stamp(second))))
    await this.appendRaw(records)
  }

  async appendRaw(records: Uint8Array[]): Promise<void> {
    const { gateway, fence, epoch, seq, hash, hall } = this
    const sent = { boot: 'b', mono_ms: 0 }
    const header: BatchHeader = { v: 1, gateway, fence, epoch, first: seq + 1, prev: hash, sent }
    const deps = { store: this.#store, projections, logger: silent }
    const unpacked = unpackBatch(
      hall,
      printBatch(header, records, (text) => utf8.encode(text)),
    )
    if (!unpacked.ok) throw new Error(`not a batch: ${unpacked.detail}`)
    const [answer] = await commit(deps, [unpacked.item])
    if (answer?.receipt.status !== 'held') throw new Error(`not booked: ${answer?.receipt.status}`)
    this.hash = chainHashes(hash, records).at(-1)!
    this.seq += records.length
  }

  get position(): Position {
    return { epoch: this.epoch, seq: this.seq, hash: this.hash }
  }
}

export type HttpFixture = Awaited<ReturnType<typeof openHttp>>

export async function openHttp(url: string, options: Partial<HttpOptions> = {}) {
  const store = new PgStore({ url, projections, witness_path: null })
  await store.ready()
  const writing = openQueries({ url, read_only: false, connections_max: 2 })
  const reading = openQueries({ url, read_only: true })
  await prepareEnrolment(writing)
  const clock = { now_ms: NOW_MS }
  const now_ms = () => clock.now_ms
  const live = createLiveFeed()
  const presence = new PresenceBoard({
    now_ms,
    changed: (hall) => live.publish({ hall, topics: ['presence'] }),
  })
  const enrolStore = createEnrolStore(writing)
  const enrolment = createEnrolment({
    ...{ store: enrolStore, key: await makeKey(), now_ms },
    mqtt_url: () => 'mqtt://127.0.0.1:1883',
    ownerChanged: (hall, gateway) => presence.setOwner(hall, gateway),
  })
  const access = createAccess(ADMIN, now_ms)
  const deps = {
    ...{ reads: createReads(reading), enrolment, presence, live, access, now_ms, log: silent },
    page: await loadPage(),
    projections: projections.map(({ name }) => name),
    reproject: (hall: string, projection: string) => reproject(store, hall, projection),
    health: async () => ({ database: await answers(reading) }),
  }
  const app = createHttp(deps, {
    // Asked without a socket.
    peer: () => '127.0.0.1',
    ...{ version: '0.0.0', insecure: [], open: false, secure_cookie: false },
    ...options,
  })
  return {
    ...{ app, deps, store, enrolStore, enrolment, presence, live, access, clock },
    get: (path: string) => ask(app, path),
    post: (path: string, body: unknown) => send(app, path, body),
    /** What enrolment keeps, as text. */
    async dump() {
      const halls = await reading.selectFrom('hall').selectAll().execute()
      return JSON.stringify([halls, await reading.selectFrom('hall_token').selectAll().execute()])
    },
    async [Symbol.asyncDispose]() {
      await reading.destroy()
      await writing.destroy()
      await store[Symbol.asyncDispose]()
    },
  }
}

type App = Pick<ReturnType<typeof createHttp>, 'request'>

const bearer = { authorization: `Bearer ${ADMIN}` }

async function ask(app: App, path: string) {
  const answer = await app.request(path, { headers: bearer })
  return { status: answer.status, body: await bodyOf(answer), headers: answer.headers }
}

async function send(app: App, path: string, body: unknown) {
  const headers = { ...bearer, 'content-type': 'application/json' }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await app.request(path, { method: 'POST', headers, body: text })
  return { status: answer.status, body: await bodyOf(answer), headers: answer.headers }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
async function bodyOf(answer: Response): Promise<any> {
  const text = await answer.text()
  return answer.headers.get('content-type')?.includes('json') === true && !text.includes('\n')
    ? JSON.parse(text)
    : text
}
