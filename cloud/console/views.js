/** One hall, panel by panel, as functions from data to elements. */
import { age, empty, h, local, panel, presence, rateText, SERIOUS, s, table } from './dom.js'
import { count, known, money, say, span, timeOfDay } from './words.js'

/** Tickets drawn one by one; the others are a number. */
const TICKETS_MOST = 20

export function hallHead(hall) {
  const day = hall.day === null ? say('day_none') : `${say('day')} ${hall.day} · `
  const open = hall.day !== null && say(hall.day_open ? 'day_open' : 'day_closed')
  return h(
    'div',
    { class: 'head' },
    h('h1', null, local(hall.name)),
    h('span', { class: 'quiet mono' }, hall.hall),
    presence(hall.presence),
    h('span', { class: 'right' }, day, open),
  )
}

export function alarmList(hall) {
  const items = hall.alarms.map(({ alarm, count: n }) => {
    const more = alarm === 'not_owner' ? `: ${hall.presence.intruder}` : `: ${n}`
    return h('li', { class: SERIOUS.has(alarm) ? 'bad' : 'warn' }, say(`alarm_${alarm}`), more)
  })
  if (hall.presence.state === 'gone') items.unshift(h('li', { class: 'warn' }, say('gone_long')))
  if (items.length === 0) return null
  return h('ul', { class: 'alarms', role: 'alert' }, items)
}

export function figures(hall) {
  const { today, waiting } = hall.live
  const first = waiting[0]
  const cell = (name, value) => h('div', null, h('dt', null, say(name)), h('dd', null, value))
  return h(
    'dl',
    { class: 'figures' },
    cell('waiting', count(hall.waiting)),
    cell('longest_wait', first === undefined ? '–' : age(first.issued_ms, hall.zone)),
    cell('served_today', count(today?.served ?? 0)),
    cell('mean_wait', today?.wait_mean_ms == null ? '–' : span(today.wait_mean_ms)),
    cell('money_today', money(hall.money_today_fen)),
    cell('complete_to_record', hall.head === null ? '–' : count(hall.head.seq)),
  )
}

export function queuePanel(hall) {
  const { services, waiting } = hall.live
  const most = Math.max(5, ...services.map((service) => service.waiting))
  const rows = services.map((service) =>
    h(
      'div',
      { class: 'service' },
      h('span', { title: service.service }, local(service.name)),
      track(service.waiting / most),
      h('b', null, count(service.waiting)),
    ),
  )
  const first = waiting.slice(0, TICKETS_MOST)
  const rest = hall.waiting - first.length
  const tickets = first.map(({ number, issued_ms }) =>
    h('li', null, number, h('small', null, age(issued_ms, hall.zone))),
  )
  if (rest > 0) tickets.push(h('li', { class: 'rest' }, say('more', count(rest))))
  const list = tickets.length === 0 ? empty(say('nobody')) : h('ul', { class: 'tickets' }, tickets)
  const aside = say('people', count(hall.waiting))
  return panel('queue', 'w5', aside, h('div', { class: 'pad' }, rows, list))
}

function track(share) {
  const bar = s('rect', { width: Math.round(share * 1000), height: 6, rx: 3 })
  const drawn = s('svg', { viewBox: '0 0 1000 6', preserveAspectRatio: 'none' }, bar)
  return h('span', { class: 'track' }, drawn)
}

/** `shown` keeps what each counter showed, so that a new number lights up once. */
export function countersPanel(hall, shown) {
  const { counters } = hall.live
  if (counters.length === 0) return panel('counters', 'w7', '', empty(say('no_counters')))
  const tiles = counters.map(({ counter, number, state, since_ms, clerk }) => {
    const key = `${hall.hall} ${counter}`
    const fresh = number !== null && shown.has(key) && shown.get(key) !== number
    shown.set(key, number)
    return h(
      'div',
      { class: `counter ${state}${fresh ? ' fresh' : ''}` },
      h('header', null, h('span', null, counter), h('span', null, clerk ?? '')),
      h('strong', null, number ?? '–'),
      h(
        'p',
        null,
        say(`state_${state}`),
        ' ',
        state === 'closed' ? null : age(since_ms, hall.zone, 1),
      ),
    )
  })
  const busy = counters.filter(({ state }) => state === 'called' || state === 'serving').length
  const staffed = counters.filter(({ state }) => state !== 'closed').length
  const aside = say('busy_of', count(busy), count(staffed))
  return panel(
    'counters',
    'w7',
    aside,
    h('div', { class: 'pad' }, h('div', { class: 'counters' }, tiles)),
  )
}

export function callsPanel(hall) {
  const { calls } = hall.live
  if (calls.length === 0) return panel('calls', 'w5', '', empty(say('no_calls')))
  const heads = [
    [say('at')],
    [say('number')],
    [say('counter')],
    [say('outcome')],
    [say('waited'), 'num'],
  ]
  const rows = calls.map((call) =>
    h(
      'tr',
      null,
      h('td', { class: 'quiet' }, timeOfDay(call.called_ms, hall.zone)),
      h('td', null, h('b', null, call.number)),
      h('td', null, call.counter),
      h('td', { class: 'wide' }, say(`outcome_${call.outcome}`)),
      h('td', { class: 'num' }, call.wait_ms === null ? '–' : span(call.wait_ms)),
    ),
  )
  return panel('calls', 'w5', '', table(heads, rows))
}

const tenderName = (tender) => (known(`tender_${tender}`) ? say(`tender_${tender}`) : tender)

export function moneyPanel(hall) {
  const { tenders, ledger } = hall.live
  const sums = tenders.map(({ tender, amount_fen }) =>
    h(
      'tr',
      null,
      h('td', { class: 'wide' }, tenderName(tender)),
      h('td', { class: 'num' }, money(amount_fen)),
    ),
  )
  const total = h(
    'tr',
    { class: 'sum' },
    h('td', { class: 'wide' }, say('total')),
    h('td', { class: 'num' }, money(hall.money_today_fen)),
  )
  const body =
    tenders.length === 0 ? empty(say('no_money')) : h('table', null, h('tbody', null, sums, total))
  return panel('money', '', hall.day ?? '', body, proof(ledger))
}

/** Debit equals credit over the whole ledger: said with both sums, not with a tick alone. */
function proof({ debit_fen, credit_fen, balanced }) {
  const mark = balanced
    ? h('span', { class: 'badge good' }, `✓ ${say('balanced')}`)
    : h('span', { class: 'badge bad' }, `✗ ${say('unbalanced')}`)
  return h(
    'p',
    { class: 'proof' },
    h('span', { class: 'quiet' }, say('ledger')),
    h(
      'span',
      null,
      h('span', { class: 'quiet' }, `${say('debit')} `),
      h('b', null, money(debit_fen)),
    ),
    h('span', { class: 'quiet' }, balanced ? '=' : '≠'),
    h(
      'span',
      null,
      h('span', { class: 'quiet' }, `${say('credit')} `),
      h('b', null, money(credit_fen)),
    ),
    mark,
  )
}

export function entriesPanel(hall) {
  const { entries, ledger } = hall.live
  if (entries.length === 0) return panel('entries', 'w7', '', empty(say('no_entries')))
  const rows = entries.map((entry) =>
    h(
      'tr',
      null,
      h('td', { class: 'quiet' }, timeOfDay(entry.at_ms, hall.zone)),
      h(
        'td',
        null,
        entry.kind === 'sale' ? say('entry_sale') : badge('warn', say('entry_reversal')),
      ),
      postings(entry.postings.map(posting).join('  ·  ')),
      h('td', { class: 'num' }, money(`${entry.kind === 'sale' ? '' : '-'}${entry.amount_fen}`)),
    ),
  )
  const heads = [[say('at')], [''], [say('postings')], [say('amount'), 'num']]
  return panel('entries', 'w7', count(ledger.entries), table(heads, rows))
}

/** Long ones are cut off on the page and whole when pointed at. */
const postings = (text) => h('td', { class: 'wide posts', title: text }, text)

const badge = (kind, text) => h('span', { class: `badge ${kind}` }, text)

function posting({ account, debit_fen, credit_fen }) {
  const name = accountName(account)
  return debit_fen === '0' ? `${name} −${money(credit_fen)}` : `${name} +${money(debit_fen)}`
}

/** `till/c1` and the like; what follows the stroke is the hall's own word. */
function accountName(account) {
  const [kind, ...rest] = account.split('/')
  const own = rest.join('/')
  if (kind === 'tender') return tenderName(own)
  return known(`account_${kind}`) ? say(`account_${kind}`, own) : account
}

export function balancesPanel(hall) {
  const { balances } = hall.live
  if (balances.length === 0) return panel('balances', '', '', empty(say('no_entries')))
  const rows = balances.map(({ account, balance_fen }) =>
    h(
      'tr',
      null,
      h('td', { class: 'wide', title: account }, accountName(account)),
      h('td', { class: 'num' }, money(balance_fen)),
    ),
  )
  const heads = [[say('account')], [say('balance_sign'), 'num']]
  const list = h('div', { class: 'scroll', tabindex: 0 }, table(heads, rows))
  return panel('balances', '', String(balances.length), list)
}

export function completenessPanel(hall, rate) {
  const { completeness: held, presence: heard } = hall
  const exceptions = held.gaps.length + held.branches.length + held.rejected
  const facts = [
    ['records', count(held.records)],
    ['head', held.head === null ? '–' : mono(held.head.hash.slice(0, 16), held.head.hash)],
    ['epoch', held.head === null ? '–' : epochOf(held.head)],
    ['unbooked', unbookedText(held.unbooked, heard.state)],
    ['gaps', held.gaps.length === 0 ? say('none') : badge('bad', count(held.gaps.length))],
    [
      'branches',
      held.branches.length === 0 ? say('none') : badge('warn', count(held.branches.length)),
    ],
    ['rejected', held.rejected === 0 ? say('none') : badge('warn', count(held.rejected))],
    ['gateway', heard.gateway === null ? '–' : mono(heard.gateway, heard.gateway)],
    ['skew', heard.skew_ms === null ? '–' : say('ms', count(heard.skew_ms))],
  ]
  return panel(
    'completeness',
    '',
    rateText(rate),
    h(
      'div',
      { class: 'pad' },
      wholeness(held, exceptions),
      h(
        'dl',
        { class: 'facts' },
        facts.map(([name, value]) => [h('dt', null, say(name)), h('dd', null, value)]),
      ),
      sparkline(rate.bins),
    ),
  )
}

function wholeness({ head }, exceptions) {
  if (head === null) return h('p', { class: 'whole quiet' }, say('nothing_held'))
  const text = say(exceptions === 0 ? 'whole' : 'not_whole', count(head.seq))
  return h('p', { class: `whole ${exceptions === 0 ? 'good' : 'warn'}` }, text)
}

const mono = (text, title) => h('span', { class: 'mono', title }, text)
const epochOf = ({ epoch, epoch_number }) => [`${epoch_number} · `, mono(epoch.slice(0, 8), epoch)]

/** A gateway that is away goes on recording, and nobody here knows how much. */
function unbookedText(unbooked, state) {
  if (unbooked === null || state !== 'present') return say('unbooked_unknown')
  if (unbooked.records === 0) return say('unbooked_none')
  return say('unbooked_some', count(unbooked.records), span(unbooked.oldest_ms ?? 0))
}

/** Which records a projection could not use, and why; the first ones where there are many. */
export function rejectedPanel(hall, rejected) {
  if (rejected === null || rejected.items.length === 0) return null
  const rows = rejected.items.map(({ seq, projection, code, text }) =>
    h(
      'tr',
      null,
      h('td', null, count(seq)),
      h('td', { class: 'quiet', title: projection }, projectionName(projection)),
      h('td', { class: 'wide', title: code }, text === null ? code : local(text)),
    ),
  )
  const rest = hall.rejected - new Set(rejected.items.map(({ place }) => place)).size
  const more = rest > 0 && h('p', { class: 'proof' }, say('more_records', count(rest)))
  const heads = [[say('record')], [say('projection')], [say('reason')]]
  return panel('rejected', 'w12', count(hall.rejected), table(heads, rows), more)
}

const projectionName = (name) => (known(`projection_${name}`) ? say(`projection_${name}`) : name)

function sparkline(bins) {
  const most = Math.max(1, ...bins)
  const bars = bins.map((n, i) => {
    const height = (n / most) * 40
    return s('rect', { x: i * 5, y: 42 - height, width: 4, height })
  })
  const base = s('line', { x1: 0, y1: 43, x2: bins.length * 5, y2: 43 })
  const box = { viewBox: `0 0 ${bins.length * 5} 44`, preserveAspectRatio: 'none', class: 'rate' }
  return s('svg', { ...box, role: 'img', 'aria-label': say('rate') }, base, bars)
}
