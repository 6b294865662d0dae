/** What stands in a hall: its devices with what they say of themselves, and what customers pressed. */
import { age, empty, h, local, panel, s, table } from './dom.js'
import { reasons, states, types } from './floor-words.js'
import { count, say } from './words.js'

const DEVICE_DOTS = {
  online: 'good',
  device_busy: 'good',
  starting: 'hollow',
  stale: 'hollow',
  unsupported: 'hollow',
  offline: 'bad',
  power_off: 'bad',
  no_device: 'bad',
  hardware_error: 'bad',
  fraud_attempt: 'bad',
}
const dotOf = (state) => DEVICE_DOTS[state] ?? 'warn'
/** What a person should see first. */
const ORDER = ['bad', 'warn', 'hollow', 'good']

/** A code's own words where there are some; otherwise the code as it came. */
const told = (words, code) => (Object.hasOwn(words, code) ? local(words[code]) : code)

/** What stands behind a colon is the device's own: kept as it is. */
function reasonText(reason) {
  const [head, ...rest] = reason.split(': ')
  const whole = rest.length === 0 || Object.hasOwn(reasons, reason)
  return whole ? told(reasons, reason) : [told(reasons, head), ...rest].join(': ')
}

/** As wide as what stands beside it leaves. */
export function devicesPanel({ devices }, beside) {
  const width = beside === null ? 'w12' : 'w8'
  if (devices.length === 0) return panel('devices', width, '', empty(say('no_devices')))
  const rank = ({ state }) => ORDER.indexOf(dotOf(state))
  const rows = devices.toSorted((a, b) => rank(a) - rank(b)).map(deviceRow)
  const well = devices.filter(({ state }) => dotOf(state) === 'good').length
  const heads = [
    [say('device')],
    [say('kind')],
    [say('outcome')],
    [say('reason')],
    [say('device_since'), 'num'],
  ]
  const aside = say('well_of', count(well), count(devices.length))
  return panel('devices', width, aside, table(heads, rows))
}

function deviceRow({ device, type, state, reason, since_ms }) {
  const dot = h('i', { class: `dot ${dotOf(state)}` })
  return h(
    'tr',
    { 'data-device': device },
    h('td', null, h('span', { class: 'link' }, dot, device)),
    h('td', { class: 'quiet', title: type }, told(types, type)),
    h('td', null, told(states, state)),
    h('td', { class: 'wide quiet', title: reason }, reasonText(reason)),
    h('td', { class: 'num quiet' }, age(since_ms)),
  )
}

/** Null where nobody was asked and nobody pressed. */
export function ratingsPanel(ratings) {
  if (ratings === null) return null
  const { total, counters, day } = ratings
  if (total.asked === 0 && total.answered === 0 && total.unattributed === 0) return null
  const most = Math.max(1, ...total.scores)
  const bars = [5, 4, 3, 2, 1].map((score) => {
    const n = total.scores[score - 1]
    const bar = s('rect', { width: Math.round((n / most) * 1000), height: 6, rx: 3 })
    const drawn = s('svg', { viewBox: '0 0 1000 6', preserveAspectRatio: 'none' }, bar)
    return h(
      'div',
      { class: 'service' },
      h('span', null, say('score', score)),
      h('span', { class: 'track' }, drawn),
      h('b', null, count(n)),
    )
  })
  const rows = counters.map(({ name, average, answered, asked }) =>
    h(
      'tr',
      null,
      h('td', null, name),
      h('td', { class: 'wide quiet' }, say('answered_of', count(answered), count(asked))),
      h('td', { class: 'num' }, mean(average)),
    ),
  )
  return panel(
    'ratings',
    'w4',
    day ?? '',
    h(
      'div',
      { class: 'pad' },
      h(
        'p',
        { class: 'rating' },
        h('b', null, mean(total.average)),
        h('span', null, say('average')),
        h('span', null, say('answered_of', count(total.answered), count(total.asked))),
      ),
      bars,
    ),
    h('table', null, h('tbody', null, rows)),
    h(
      'p',
      { class: 'proof' },
      h('span', { class: 'quiet' }, say('unattributed')),
      h('b', null, count(total.unattributed)),
    ),
  )
}

const mean = (average) => (average === null ? '–' : average.toFixed(2))
