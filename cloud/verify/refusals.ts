/**
 * Records that were refused: what the log says must be refused, by which projection and with what
 * code, against the controller's list. Refusals for a record's form are taken from that list, as the
 * form of every kind is not written down a second time, and so are those of the database itself (a
 * value it cannot keep), as no log tells of them.
 */
import type { Line } from './chain.ts'
import type { Findings } from './findings.ts'
import type { Cells, Reader } from './rows.ts'

/** Versions of the projections whose meaning this program knows. */
export const known: Readonly<Record<string, number>> = {
  visits: 1,
  ledger: 2,
  gaps: 1,
  ratings: 1,
  bindings: 2,
}

/** A value that the database could not keep: no log tells of it. SQLSTATE. */
const isOfDatabase = (code: unknown) => code === 'internal' || /^[0-9A-Z]{5}$/.test(String(code))

export class Refusals {
  readonly #held: ReadonlyMap<string, Cells>
  readonly #own = new Map<string, Cells>()

  private constructor(held: ReadonlyMap<string, Cells>) {
    this.#held = held
  }

  static async read(reader: Reader, hall: string): Promise<Refusals> {
    const rows = await reader.rows(
      `select r.* from rejection r
       join projection p on p.hall = r.hall and p.projection = r.projection and p.build = r.build
       where r.hall = $1 order by r.place`,
      [hall],
    )
    return new Refusals(new Map(rows.map((row) => [`${row.projection} ${row.place}`, row])))
  }

  /** Records refused by anybody. */
  get records(): number {
    return new Set([...this.#held.values()].map(({ place }) => place)).size
  }

  /** The database could not keep what the projection made of it. */
  ofDatabase(projection: string, { place }: Line): boolean {
    return isOfDatabase(this.#held.get(`${projection} ${place}`)?.code)
  }

  add(projection: string, { epoch, seq, place }: Line, code: string): void {
    const version = known[projection]
    this.#own.set(`${projection} ${place}`, { code, version, epoch, seq })
  }

  compare(hall: string, findings: Findings): void {
    for (const which of new Set([...this.#own.keys(), ...this.#held.keys()])) {
      const [found, expected] = [this.#held.get(which), this.#own.get(which)]
      const projection = which.split(' ')[0]!
      const at = { hall, what: 'rejection' as const, which }
      if (found !== undefined && expected !== undefined) findings.compare(at, expected, found)
      else if (found === undefined)
        findings.add({ ...at, text: `is not refused, by the log ${expected?.code}` })
      else if (Object.hasOwn(known, projection) && !isOfDatabase(found.code))
        findings.add({ ...at, text: `is ${found.code}, by the log not refused` })
    }
  }
}
