import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { projections } from '../../cloud/projections.ts'
import { reproject } from '../../cloud/store/reproject.ts'
import type { Finding } from '../../cloud/verify/findings.ts'
import { openSqliteStore } from '../../gateway/log/sqlite-store.ts'
import { busyLog } from './busy-log.ts'
import { ticketId } from './log-maker.ts'
import { type Booked, bookBusyLog, HALL, VISITS } from './verify-fixture.ts'

let booked: Booked

beforeAll(async () => {
  booked = await bookBusyLog()
})
afterAll(() => booked?.[Symbol.asyncDispose]())

const EPOCH = (number: number) => `${number}`.padStart(32, '0')

describe('verification', () => {
  it('agrees with what was booked, repeats, branches and refusals included', async () => {
    const found = await booked.verdict()
    expect(found.findings).toEqual([])
    expect(found.ok).toBe(true)
    expect(found.halls[0]?.refused).toBeGreaterThan(3)
  })

  it('agrees with nothing where the hall that was asked for is not held', async () => {
    const found = await booked.verdict({ halls: ['nohall'] })
    expect(found).toMatchObject({ ok: false, halls: [] })
    expect(found.findings).toMatchObject([{ hall: 'nohall', what: 'hall', which: 'nohall' }])
  })

  it('agrees after a re-projection', async () => {
    for (const { name } of projections) await reproject(booked.store, HALL, name)
    expect((await booked.verdict()).findings).toEqual([])
  })

  const rows: [string, string, Partial<Finding>][] = [
    [
      "a visit's wait",
      `update visit set wait_ms = wait_ms + 1 where ticket = '${ticketId(3)}'`,
      { what: 'visit', which: ticketId(3), text: 'wait_ms is 20001, by the log 20000' },
    ],
    [
      "a visit's clock",
      `update visit set issued_clock = 'b:1' where ticket = '${ticketId(3)}'`,
      { what: 'visit', which: ticketId(3) },
    ],
    [
      'a visit that is gone',
      `delete from visit where ticket = '${ticketId(3)}'`,
      { what: 'visit', which: ticketId(3), text: 'is missing' },
    ],
    ['a day', 'update hall_day set served = served - 1', { what: 'day', which: '2026-10-12' }],
    [
      "a day's longest wait",
      'update hall_day set waits_max_ms = waits_max_ms + 1',
      { what: 'day', text: 'waits_max_ms is 20001, by the log 20000' },
    ],
    ["a day's end", 'update hall_day set closed_ms = 1', { what: 'day', which: '2026-10-12' }],
    [
      'a counter',
      `update counter set clerk = 'C01' where counter = '1'`,
      { what: 'counter', which: '1', text: 'clerk is C01, by the log C09' },
    ],
    [
      "a counter's ticket",
      `update counter set ticket = null, state = 'free' where ticket is not null`,
      { what: 'counter' },
    ],
    [
      "the hall's day",
      `update hall_state set day = '2026-10-11'`,
      { what: 'hall_state', which: 'now' },
    ],
    [
      "a service's name",
      `update hall_state set services = jsonb_set(services, '{0,name,en}', '"X"')`,
      { what: 'hall_state', which: 'now' },
    ],
    ['a gap', 'update gap set to_seq = 2', { what: 'gap', text: 'to_seq is 2, by the log 3' }],
    ['a gap kept quiet', 'delete from gap', { what: 'gap', text: 'is missing' }],
    [
      'a balance',
      `update account set balance = balance + 1 where account = 'till/3'`,
      { what: 'account', which: 'till/3' },
    ],
    [
      'an account nobody posted to',
      `insert into account select hall, build, 'till/99', 1, 0, 1 from account limit 1`,
      { what: 'account', which: 'till/99', text: 'is in no record of the log' },
    ],
    [
      'a posting',
      'update entry set amounts_fen[1] = 1',
      { what: 'posting', text: 'amount_fen is 1, by the log 10000' },
    ],
    [
      "a posting's account",
      `update entry set accounts[2] = 'till/99'`,
      { what: 'posting', text: 'account is till/99, by the log tender/wechat' },
    ],
    [
      'a balance behind a posting',
      'update entry set balances_after[1] = 1',
      { what: 'posting', text: 'balance_after is 1, by the log 10000' },
    ],
    [
      'a posting too many',
      'update entry set amounts_fen = amounts_fen || 5::int8',
      { what: 'posting', text: 'is in no record of the log' },
    ],
    ['an entry', `update entry set kind = 'sale' where kind = 'reversal'`, { what: 'entry' }],
    [
      'an order',
      `update orders set lines = jsonb_set(lines, '{0,amount_fen}', '1') where order_id = 'o4'`,
      { what: 'order', which: 'o4' },
    ],
    [
      "the ledger's day",
      `update ledger_state set day = '2026-10-11'`,
      { what: 'ledger_state', which: 'now' },
    ],
    ["a cursor's number", 'update hall_cursor set seq = seq - 1', { what: 'cursor', which: HALL }],
    [
      "a cursor's count",
      'update hall_cursor set records = records + 1',
      { what: 'cursor', which: HALL },
    ],
    ["a cursor's hash", `update hall_cursor set hash = repeat('0', 64)`, { what: 'cursor' }],
    ['a cursor that is gone', 'delete from hall_cursor', { what: 'cursor', which: HALL }],
    [
      'an epoch',
      'update epoch set branch = not branch where number = 2',
      { what: 'epoch', which: EPOCH(2) },
    ],
    [
      "an epoch's gateway",
      `update epoch set gateway = 'gw-9' where number = 2`,
      { what: 'epoch', which: EPOCH(2), text: 'gateway is gw-9, by the log gw-1' },
    ],
    [
      "an epoch's parent",
      'update epoch set parent_seq = parent_seq - 1 where number = 2',
      { what: 'epoch', which: EPOCH(2) },
    ],
    [
      "an epoch's parent hash",
      `update epoch set parent_hash = repeat('1', 64) where number = 2`,
      { what: 'epoch', which: EPOCH(2) },
    ],
    [
      "an epoch's end",
      'update epoch set seq = seq + 1 where number = 1',
      { what: 'epoch', which: EPOCH(1) },
    ],
    [
      'an epoch that is gone',
      'delete from epoch where number = 2',
      { what: 'epoch', which: EPOCH(2), text: 'is missing' },
    ],
    ['an origin', 'delete from origin', { what: 'origin', text: 'is missing' }],
    ["an origin's place", 'update origin set place = place + 1', { what: 'origin' }],
    [
      'how far a projection is',
      `update projection set upto = upto - 1 where projection = 'ledger'`,
      { what: 'projection', which: 'ledger' },
    ],
    [
      'a record wrongly said to be refused',
      `insert into rejection select hall, projection, build, 3, version, epoch, 3, 'wrong_state'
       from rejection where projection = 'visits' limit 1`,
      { what: 'rejection', which: 'visits 3' },
    ],
    [
      'a refusal kept quiet',
      `delete from rejection where code = 'order_unbalanced'`,
      { what: 'rejection', text: 'is not refused, by the log order_unbalanced' },
    ],
    [
      'the record that a refusal names',
      `update rejection set seq = seq + 1 where code = 'order_unbalanced'`,
      { what: 'rejection' },
    ],
  ]
  it.each(rows)('names %s changed by hand', async (_, sql, expected) => {
    const findings = await booked.findingsOf(sql)
    expect(findings[0]).toMatchObject({ hall: HALL, ...expected })
  })

  it('leaves the tests above with a database that agrees', async () => {
    expect((await booked.verdict()).findings).toEqual([])
  })
})

describe('npm run verify', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['cloud/verify/main.ts', ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    })

  it('exits 0 when everything agrees, 1 when not, 2 when it cannot look', async () => {
    const good = run('--database-url', booked.url, '--json')
    expect([good.status, good.stderr]).toEqual([0, ''])
    expect(JSON.parse(good.stdout.trim().split('\n').at(-1)!)).toMatchObject({ ok: true, count: 0 })

    await booked.query('update account set balance = balance + 1')
    const bad = run('--database-url', booked.url)
    expect(bad.status).toBe(1)
    expect(bad.stdout).toMatch(/Wrong first: h1: account \S+ balance is/)
    await booked.query('update account set balance = balance - 1')

    const away = run('--data', '/nonexistent/folder')
    expect(away.status).toBe(2)
    expect(away.stderr).toContain('cannot verify')

    await booked.query('alter table rating rename to no_rating')
    const older = run('--database-url', booked.url)
    await booked.query('alter table no_rating rename to rating')
    expect(older.status).toBe(2)
    expect(older.stderr).toContain('start its controller once')
  })

  describe("with a gateway's own log", () => {
    const file = () => join(booked.folder, 'hall.sqlite')
    const [first] = busyLog(VISITS)
    const epochOf = (epoch: string) => ({
      ...{ epoch, number: 1, parent: null, first: 1, first_prev: '0'.repeat(64) },
    })

    beforeAll(() => {
      const log = openSqliteStore(file())
      log.transaction(() => {
        log.putEpoch(epochOf(first.epoch))
        first.texts.forEach((text, i) => {
          const hash = Buffer.from(first.hashes[i + 1]!, 'hex')
          const wall_ms = Number(/"wall_ms":(\d+)/.exec(text)?.[1] ?? 0)
          const row = { seq: i + 1, payload: Buffer.from(text), hash, wall_ms }
          log.insert(first.epoch, [row])
        })
        const seq = first.texts.length
        log.setMeta('receipted', JSON.stringify({ epoch: first.epoch, seq, hash: '' }))
      })
      log.close()
    })

    const compare = (of = file()) =>
      run('--database-url', booked.url, '--json', '--gateway-log', of)
    const told = (stdout: string): Finding[] => JSON.parse(stdout.trim()).findings

    it('compares record by record', () => {
      const { status, stderr, stdout } = compare()
      expect([status, told(stdout)]).toEqual([0, []])
      const n = first.texts.length
      expect(stderr).toContain(`${n} records, ${n} of them held here and compared`)
    })

    it('names the byte that differs, on whichever side it was changed', async () => {
      const there = join(booked.folder, 'changed.sqlite')
      copyFileSync(file(), there)
      const db = new DatabaseSync(there)
      const text = first.texts[11]!.replace('"ticket"', '"the_ticket"')
      db.prepare('UPDATE record SET payload = ? WHERE id % 68719476736 = 12').run(Buffer.from(text))
      db.prepare('UPDATE record SET hash = ? WHERE id % 68719476736 = 14').run(Buffer.alloc(32))
      db.close()
      const { status, stdout } = compare(there)
      expect(status).toBe(1)
      const record_byte = first.texts[11]!.indexOf('"ticket"') + '"t'.length
      expect(told(stdout)).toMatchObject([
        { what: 'gateway_log', epoch: first.epoch, seq: 12, record_byte },
        { what: 'gateway_log', epoch: first.epoch, seq: 14 },
      ])
    })

    const SPAN = 2 ** 36
    const tail = `(SELECT max(id) FROM record)`
    const twelfth = `id % ${SPAN} = 12`
    const cases: [string, string, Partial<Finding>[]][] = [
      ['a row that is gone', `DELETE FROM record WHERE ${twelfth}`, [{ seq: 12 }]],
      ['the last row', `DELETE FROM record WHERE id = ${tail}`, [{ text: expect.any(String) }]],
      [
        "a row's epoch",
        `UPDATE record SET epoch = 'e' || substr(epoch, 2) WHERE ${twelfth}`,
        [{ seq: 12 }, { seq: 12, text: expect.stringContaining('e0000') }],
      ],
      [
        "a row's number",
        `UPDATE record SET id = id + 1000000 WHERE ${twelfth}`,
        [{ seq: 12 }, { seq: 1_000_012 }],
      ],
      [
        "a row's place",
        `UPDATE record SET id = id + ${SPAN} WHERE ${twelfth}`,
        [{ seq: 12 }, { seq: 12 }],
      ],
      [
        'a row behind the last that does not follow',
        `INSERT INTO record SELECT ${tail} + 1, epoch, payload, hash, wall_ms FROM record WHERE ${twelfth}`,
        [{ text: expect.stringContaining('does not follow') }],
      ],
      ["a row's time", `UPDATE record SET wall_ms = wall_ms + 1 WHERE ${twelfth}`, [{ seq: 12 }]],
      ['a first hash', `UPDATE epoch SET first_prev = 'f' || substr(first_prev, 2)`, [{}]],
      ['a first number, too great', 'UPDATE epoch SET first = 3', [{}, { seq: 1 }, { seq: 2 }]],
      ['a first number, too small', 'UPDATE epoch SET first = 0', [{}]],
      ['a parent', `UPDATE epoch SET parent_epoch = 'e', parent_seq = 1, parent_hash = 'h'`, [{}]],
      ["an epoch's number", 'UPDATE epoch SET number = number + 1', [{}]],
      ['a fact beside the records', `UPDATE meta SET value = value || ' '`, [{}]],
    ]
    it.each(cases)('names %s, and only it', async (_, sql, expected) => {
      const there = join(booked.folder, 'by-hand.sqlite')
      copyFileSync(file(), there)
      const db = new DatabaseSync(there)
      db.exec(sql)
      db.close()
      const { status, stdout } = compare(there)
      const findings = told(stdout)
      expect(findings).toMatchObject(expected.map((one) => ({ what: 'gateway_log', ...one })))
      expect(findings).toHaveLength(expected.length)
      expect(status).toBe(1)
    })

    it('names a place in the file that SQLite cannot read', async () => {
      const there = join(booked.folder, 'torn.sqlite')
      const bytes = readFileSync(file())
      const page = bytes.readUInt16BE(16)
      // The list of cells of a page in the middle.
      const at = bytes.indexOf(Buffer.from(first.texts[30]!))
      bytes.fill(0xff, Math.floor(at / page) * page, Math.floor(at / page) * page + 16)
      writeFileSync(there, bytes)
      const { status, stdout } = compare(there)
      expect([status, told(stdout)[0]]).toEqual([
        1,
        expect.objectContaining({ what: 'gateway_log' }),
      ])
      expect(told(stdout).some(({ text }) => text.includes('cannot be read'))).toBe(true)
    })

    it('reads the file that a killed gateway left, and changes nothing of it', async () => {
      const killed = join(booked.folder, 'killed.sqlite')
      const script = `
        const { openSqliteStore } = await import('./gateway/log/sqlite-store.ts')
        const log = openSqliteStore(${JSON.stringify(killed)})
        const { wall_ms } = JSON.parse(process.argv[1]).at
        const row = { seq: 1, payload: Buffer.from(process.argv[1]), wall_ms }
        const hash = Buffer.from(${JSON.stringify(first.hashes[1])}, 'hex')
        log.transaction(() => {
          log.putEpoch(${JSON.stringify(epochOf(first.epoch))})
          log.insert(${JSON.stringify(first.epoch)}, [{ ...row, hash }])
        })
        console.log('written')
        setInterval(() => {}, 1000)`
      const args = ['--input-type=module', '-e', script, first.texts[0]!]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      try {
        await once(child.stdout, 'data')
        const busy = compare(killed)
        expect([busy.status, busy.stderr]).toEqual([2, expect.stringContaining('in use')])
      } finally {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      const { status, stderr, stdout } = compare(killed)
      expect([status, told(stdout)]).toEqual([0, []])
      expect(stderr).toContain('1 records, 1 of them held here and compared')
      expect(existsSync(`${killed}-wal`)).toBe(true)
    })

    describe('in a folder that cannot be written', () => {
      const folder = () => join(booked.folder, 'sealed')
      const sealed = () => join(folder(), "hall's log?#1.sqlite")
      beforeEach(() => {
        mkdirSync(folder())
        copyFileSync(file(), sealed())
        chmodSync(sealed(), 0o644)
      })
      afterEach(() => {
        chmodSync(folder(), 0o755)
        rmSync(folder(), { recursive: true })
      })

      /** Root may write everywhere, so nobody looks then; the answer as JSON. */
      const look = (): { records?: number; error?: string } => {
        chmodSync(folder(), 0o555)
        chmodSync(booked.folder, 0o755)
        const script = `
          const { GatewayLog } = await import('./cloud/verify/gateway-log.ts')
          if (process.getuid() === 0) (process.setgid(65534), process.setuid(65534))
          let said
          try { said = { records: new GatewayLog(process.argv[1]).records } }
          catch (error) { said = { error: error.message } }
          console.log(JSON.stringify(said))`
        const args = ['--input-type=module', '-e', script, sealed()]
        return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout)
      }

      it('reads a log that is whole without what is beside it', () => {
        const before = readdirSync(folder())
        expect(look()).toEqual({ records: first.texts.length })
        expect(readdirSync(folder())).toEqual(before)
        // A journal without a page in it holds nothing back.
        chmodSync(folder(), 0o755)
        writeFileSync(`${sealed()}-wal`, '')
        expect(look()).toEqual({ records: first.texts.length })
      })

      it('says what to do where records stand in the journal beside it', () => {
        writeFileSync(`${sealed()}-wal`, Buffer.alloc(32 + 24 + 4096))
        const { error } = look()
        expect(error).toContain('cannot be written')
        expect(error).toContain(`${sealed()}-wal: copy both`)
      })

      it('says so where the log itself may not be read', () => {
        chmodSync(sealed(), 0o000)
        expect(look().error).toContain('you may not read it')
      })

      it('says so of what is no log', () => {
        writeFileSync(sealed(), 'no database')
        expect(look().error).toContain('no log of a gateway')
      })
    })

    it('says why a file cannot be read', () => {
      for (const [of, why] of [
        ['/nonexistent.sqlite', 'no such file'],
        ['package.json', 'no log of a gateway'],
      ] as const) {
        const { status, stderr } = compare(of)
        expect([status, stderr]).toEqual([2, expect.stringContaining(why)])
      }
    })
  })
})
