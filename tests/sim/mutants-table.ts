/**
 * Mistakes to plant in the code that production runs. Each must be caught by the simulation: what is
 * not caught is not protected. Texts must occur exactly once, so that a mutant cannot rot unseen.
 */

export type Edit = { file: string; find: string; replace: string }
export type Mutant = { name: string; edits: readonly Edit[] }

const one = (name: string, file: string, change: Omit<Edit, 'file'>): Mutant => ({
  name,
  edits: [{ file, ...change }],
})

/** What the durable core promises first of all. */
export const core: readonly Mutant[] = [
  {
    name: 'prune before the receipt',
    edits: [
      {
        file: 'gateway/log/hall-log.ts',
        find: 'if (this.#receipted === null || settled == null) return 0',
        replace: '',
      },
      {
        file: 'gateway/log/hall-log.ts',
        find: `      lastWithin(this.#path, e, this.#receipted),
      lastWithin(this.#path, e, settled),
`,
        replace: '',
      },
    ],
  },
  {
    name: 'receipt before commit',
    edits: [
      {
        file: 'cloud/intake/commit.ts',
        find: 'return answersFor(tx, [...works.values()], ledger)',
        replace: `deps.early(await answersFor(tx, [...works.values()], ledger))
    return []`,
      },
      {
        file: 'cloud/intake/booker.ts',
        find: 'await commit(deps, items)',
        replace: `await new Promise((early, failed) =>
        commit({ ...deps, early }, items).then(early, failed))`,
      },
    ],
  },
  one('accept a gap', 'cloud/intake/judge.ts', {
    find: "if (header.first > next) return { type: 'gap' }",
    replace: "if (header.first > next) return { type: 'append', skip: 0, begun: null }",
  }),
  one('no hash check on overlap', 'cloud/intake/judge.ts', {
    find: 'if (overlap <= 0 || hashes[overlap - 1] === (await held.hashAt(first + overlap - 1)))',
    replace: '',
  }),
  one('effect before fsync', 'gateway/hall/desk.ts', {
    find: `    return this.#parts.log.append(records).then(
      () => {
        this.#flight = null
        this.#settle(group)`,
    replace: `    this.#settle(group)
    return this.#parts.log.append(records).then(
      () => {
        this.#flight = null`,
  }),
  one('state not rebuilt after a failed commit', 'gateway/hall/desk.ts', {
    find: `    void this.#rebuild()
    for (const { input, answer } of refusedAll) {`,
    replace: '    for (const { input, answer } of refusedAll) {',
  }),
  one('a fork held instead of branched', 'cloud/intake/judge.ts', {
    find: "if (split !== null) return { type: 'diverged', at: split }",
    replace: "if (split !== null) return { type: 'held' }",
  }),
  one('ownership not checked', 'cloud/intake/judge.ts', {
    find: 'return cursor.owner === null || cursor.owner === sender.gateway',
    replace: 'return true',
  }),
]

/**
 * Only what a whole world can see. A batch that follows a foreign hash, an epoch of an unknown
 * parent and a value that the database refuses are sent by intake's own tests, as no gateway of ours
 * does; so is a late batch of an epoch that was left, which in a thousand worlds came too late to
 * matter; a receipt that goes back is judged in the log's. That a fact carried twice still names where
 * it first stood is the log's own test, too: here it takes two branches of which the cloud never saw
 * the first, and no world of the first thousand has that.
 */
export const others: readonly Mutant[] = [
  one('a paper before its record is on disk', 'gateway/hall/desk.ts', {
    find: 'for (const draft of decision.drafts) apply(this.#ahead, { ...draft, at })',
    replace: `for (const draft of decision.drafts) apply(this.#ahead, { ...draft, at })
    this.#parts.onEffects(effectsOf(decision, this.#ahead), this.#ahead)`,
  }),
  one('pruned without regard to the retention', 'gateway/log/hall-log.ts', {
    find: 'const long_ago_ms = now_wall_ms - this.#options.retention_ms',
    replace: 'const long_ago_ms = now_wall_ms',
  }),
  one('pruned beyond the snapshot', 'gateway/log/hall-log.ts', {
    find: `      lastWithin(this.#path, e, snapshot.at),
`,
    replace: '',
  }),
  one('a folder put back is not told what was printed since', 'cloud/intake/answer.ts', {
    find: 'return head.epoch !== birth.epoch || head.seq > birth.head.seq',
    replace: 'return false',
  }),
  one('what the cloud saw printed is not skipped', 'gateway/log/hall-log.ts', {
    find: 'numbers: furthest(this.#options.numbers?.() ?? null, begin.numbers ?? null),',
    replace: 'numbers: this.#options.numbers?.() ?? null,',
  }),
  one('a batch that is held is answered with the head', 'cloud/intake/answer.ts', {
    find: "if (verdict.type !== 'held' || item.type === 'birth') return Number.POSITIVE_INFINITY",
    replace: 'if (verdict.type) return Number.POSITIVE_INFINITY',
  }),
  one('who sends again does not hear what was refused', 'cloud/intake/answer.ts', {
    find: "return verdict.type === 'held' || verdict.type === 'diverged'",
    replace: 'return false',
  }),
  one('decided before a new epoch and appended behind it', 'gateway/log/service.ts', {
    find: 'if (this.#log.path.at(-1)?.epoch !== before) this.#failedGeneration = generation',
    replace: 'void generation',
  }),
  one('a receipt whose hash is not mine settles', 'gateway/log/receipt.ts', {
    find: 'if (held.seq > 0 && mine !== held.hash) return otherHash(log, held)',
    replace: '',
  }),
  one('own records behind a branch are left', 'gateway/log/hall-log.ts', {
    find: 'this.begin({ reason, parent, continues: false, carry })',
    replace: 'this.begin({ reason, parent, continues: false })',
  }),
  one('what is appended again is booked again', 'cloud/intake/commit.ts', {
    find: 'if (await view.booked(was)) return true',
    replace: '',
  }),
  one('memory does not follow the disk after a failed commit', 'gateway/log/hall-log.ts', {
    find: `      this.#readAgain()
      throw error`,
    replace: '      throw error',
  }),
  one('numbers are not marked outside the log', 'gateway/log/service.ts', {
    find: '      this.#markNumbers(live.flatMap((r) => r.call.used))\n',
    replace: '',
  }),
  one('a snapshot ahead of the cut stays where it was', 'gateway/log/hall-log.ts', {
    find: 'if (!stays) this.#store.setMeta(',
    replace: 'if (false) this.#store.setMeta(',
  }),
  one('a damaged record is taken for whole', 'gateway/log/check.ts', {
    find: 'if (row.seq !== seq || !sameBytes(linked, row.hash)) return seq',
    replace: '',
  }),
  one('readable records beyond the damage are left', 'gateway/log/begin.ts', {
    find: '    carry: carryOf(found),\n',
    replace: '',
  }),
]

export const mutants: readonly Mutant[] = [...core, ...others]
