/**
 * The cloud's store on PostgreSQL: log, cursors and projections, changed in one transaction.
 *
 * Refuses a database that does not keep what it commits (`unsafe_database`) and one of a newer
 * version (`unsupported`). Faults `unavailable` while the database is away; every use tries again.
 * Whenever a connection was lost the database is looked at anew before its next use, since what
 * comes back may be a restored one: it then gets a new ledger id first.
 */
import { Fault, isFault } from '#devices/std/fault.ts'
import type { CloudStore, CloudTx, Projection } from '../ports.ts'
import { arrayLiteral } from './arrays.ts'
import { connectTo, type Database, type Session } from './database.ts'
import { migrate } from './migrate.ts'
import { PgTx, type StoreContext } from './pg-tx.ts'
import { assertDurable } from './postgres/durable.ts'
import { tableSql } from './statements.ts'
import { identify, newLedger, refreshWitness } from './witness.ts'

export type PgStoreOptions = {
  url: string
  projections: readonly Projection[]
  /** File outside the database that notices a restore; null where a person does. */
  witness_path: string | null
  connections_max?: number
  /** Settings of every connection, as `work_mem = '8MB'`. */
  settings?: readonly string[]
  /** May throw before any statement, by its name; `committed` is after the commit. */
  beforeStatement?: (name: string) => void
  /** Who gives the database's id where another store of this program keeps it. */
  identify?: () => Promise<string>
  /** Told when the database turned out to be a restored one. */
  onRestored?: (ledger: string) => void
}

/** A hall whose rows were made by another version of a projection, or (null) never. */
export type StaleProjection = { hall: string; projection: string; version: number | null }

const staleSql = `
select c.hall, n.projection, p.version
from hall_cursor c cross join unnest($1::text[], $2::int4[]) as n(projection, version)
left join projection p on p.hall = c.hall and p.projection = n.projection
where c.records > 0 and p.version is distinct from n.version
order by 1, 2`

export class PgStore implements CloudStore, AsyncDisposable {
  readonly #options: PgStoreOptions
  readonly #database: Database
  readonly #context: StoreContext
  #ready: Promise<void> | null = null
  #ledger = ''
  #written = false
  #witnessing: Promise<unknown> = Promise.resolve()

  constructor(options: PgStoreOptions) {
    this.#options = options
    this.#database = connectTo(options, () => {
      this.#ready = null
    })
    const { projections } = options
    const tables = projections.flatMap((p) => p.tables.map((spec) => tableSql(p.name, spec)))
    this.#context = {
      tables: new Map(tables.map((sql) => [sql.table, sql])),
      versions: new Map(projections.map(({ name, version }) => [name, version])),
      known: new Set(),
      beforeStatement: options.beforeStatement ?? (() => {}),
    }
  }

  /** Resolves when the database is there, safe, of this version, and knows its own id. */
  ready(): Promise<void> {
    this.#ready ??= this.#database
      .use((session) => this.#open(session))
      .catch((error) => {
        this.#ready = null
        throw error
      })
    return this.#ready
  }

  async #open(session: Session): Promise<void> {
    await assertDurable((sql) => settingsRows(session, sql))
    await migrate(session, this.#options.projections)
    this.#context.known.clear()
    if (this.#options.identify !== undefined) {
      this.#ledger = await this.#options.identify()
      return
    }
    const { ledger, restored } = await identify(session, this.#options.witness_path)
    this.#ledger = ledger
    if (restored) this.#options.onRestored?.(ledger)
  }

  /** Looks at the database anew, as another store that lost it asks for, and gives its id. */
  identify(): Promise<string> {
    const next = this.#witnessing.then(() => {
      this.#ready = null
      return this.ledger()
    })
    this.#witnessing = next.catch(() => {})
    return next
  }

  /** Another store of this program committed something: the witness is to note it. */
  committed(): void {
    this.#written = true
  }

  async ledger(): Promise<string> {
    await this.ready()
    return this.#ledger
  }

  transaction<T>(work: (tx: CloudTx) => Promise<T>): Promise<T> {
    return this.session((session) => this.#transaction(session, work))
  }

  async #transaction<T>(session: Session, work: (tx: CloudTx) => Promise<T>): Promise<T> {
    const before = this.#context.beforeStatement
    let result: T
    try {
      before('begin')
      await session.command('begin')
      result = await work(new PgTx(session, this.#context))
      before('commit')
      // A transaction in which a statement failed ends in ROLLBACK, without an error.
      const said = await session.command('commit')
      if (said !== 'COMMIT') throw new Fault('commit_failed', said)
    } catch (error) {
      await session.command('rollback').catch(() => {})
      throw error
    }
    this.#written = true
    before('committed')
    return result
  }

  /** A connection for statements of one's own, with the store's checks and faults. */
  async session<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.ready()
    try {
      return await this.#database.use(work)
    } catch (error) {
      if (isFault(error, 'unavailable')) this.#ready = null
      throw error
    }
  }

  /** What to re-project before ingest takes anything of these halls. */
  async stale(): Promise<StaleProjection[]> {
    const rows = await this.session((session) =>
      session.query(staleSql, [...this.#versionArrays()]),
    )
    return rows.map(([hall, projection, version]) => {
      return { hall, projection, version } as StaleProjection
    })
  }

  #versionArrays(): string[] {
    const { versions } = this.#context
    return [arrayLiteral([...versions.keys()]), arrayLiteral([...versions.values()])]
  }

  /** A person says that this database was restored: it gets a new id. */
  async markRestored(): Promise<string> {
    this.#ledger = await this.session(async (session) => {
      await newLedger(session)
      return refreshWitness(session, this.#options.witness_path)
    })
    return this.#ledger
  }

  /**
   * Notes how far the database is, and learns an id that another controller gave it. To be called
   * every few seconds; does nothing when nothing was committed since.
   */
  witness(): Promise<void> {
    const next = this.#witnessing.then(() => this.#witness())
    this.#witnessing = next.catch(() => {})
    return next
  }

  async #witness(): Promise<void> {
    if (!this.#written) return
    this.#written = false
    this.#ledger = await this.session((s) => refreshWitness(s, this.#options.witness_path))
  }

  get projections(): readonly Projection[] {
    return this.#options.projections
  }

  get context(): StoreContext {
    return this.#context
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.witness().catch(() => {})
    await this.#database.close()
  }
}

async function settingsRows(session: Session, sql: string) {
  const rows = await session.query(sql)
  return rows.map(([name, setting]) => ({ name, setting }))
}
