/** The frame of the page and its states: bars, the list of halls, login, nothing yet, trouble. */
import { DOTS, h, local, rateText, SERIOUS, s } from './dom.js'
import { count, money, say, timeOfDay } from './words.js'

export function topBar({ link, halls, rate, onLanguage }) {
  const online = halls.filter((hall) => hall.presence.state === 'present').length
  const logo = s(
    'svg',
    { viewBox: '0 0 32 32', 'aria-hidden': 'true' },
    s('rect', { width: 32, height: 32, rx: 7, fill: '#0f766e' }),
    s('path', {
      d: 'M9 7v18M23 7v18M9 16h14',
      stroke: '#fff',
      'stroke-width': 3.4,
      'stroke-linecap': 'round',
    }),
  )
  const dot = { live: 'good', lost: 'warn', connecting: 'hollow' }[link]
  return h(
    'header',
    { class: 'top' },
    h('div', { class: 'brand' }, logo, 'Hallway ', h('span', null, say('title'))),
    h('div', { class: 'gap' }),
    halls.length > 0 &&
      h('span', { class: 'link extra' }, say('halls_online', online, halls.length)),
    halls.length > 0 && h('span', { class: 'link extra' }, rateText(rate)),
    link !== null &&
      h(
        'span',
        { class: 'link', role: 'status', 'data-link': link },
        h('i', { class: `dot ${dot}` }),
        say(link),
      ),
    h('button', { class: 'language', type: 'button', onclick: onLanguage }, say('language')),
  )
}

/** `zone` is that of the hall below, whose times are told in it. */
export function bars({ insecure, link, lastSeen_ms, zone }) {
  const lost = link === 'lost' && say('lost_long', timeOfDay(lastSeen_ms, zone))
  return [
    insecure.length > 0 &&
      h('div', { class: 'bar insecure', role: 'alert' }, say('insecure', insecure.join(' · '))),
    lost && h('div', { class: 'bar lost', role: 'alert' }, lost),
  ].filter(Boolean)
}

export function hallItem(hall, selected) {
  const worst = hall.alarms.some(({ alarm }) => SERIOUS.has(alarm)) ? 'bad' : 'warn'
  const alarms =
    hall.alarms.length > 0 && h('span', { class: `badge ${worst}` }, `⚠ ${hall.alarms.length}`)
  const { unbooked } = hall.presence
  const behind =
    unbooked?.records > 0 && h('span', { class: 'badge warn' }, `↑ ${count(unbooked.records)}`)
  const current = selected ? 'page' : null
  return h(
    'a',
    { class: 'hall', href: `#/${hall.hall}`, 'aria-current': current, 'data-hall': hall.hall },
    h('i', { class: `dot ${DOTS[hall.presence.state]}`, title: say(hall.presence.state) }),
    h('b', null, local(hall.name)),
    h('span', null, behind, ' ', alarms),
    h(
      'small',
      null,
      h('span', null, `${say('waiting')} ${count(hall.waiting)}`),
      h('span', null, money(hall.money_today_fen)),
    ),
  )
}

/* states of the page */

export function loginView({ wrong, onToken }) {
  const input = h('input', {
    type: 'password',
    id: 'token',
    name: 'token',
    autocomplete: 'current-password',
    required: '',
  })
  const submit = (event) => {
    event.preventDefault()
    onToken(input.value)
  }
  return centre(
    h(
      'form',
      { class: 'card', onsubmit: submit },
      h('h1', null, say('login')),
      h('p', null, say('login_how')),
      wrong && h('p', { class: 'error', role: 'alert' }, say('login_wrong')),
      h('label', { for: 'token' }, say('token')),
      input,
      h('button', { class: 'primary', type: 'submit' }, say('login')),
    ),
  )
}

export const noHalls = () =>
  centre(
    h('div', { class: 'card' }, h('h1', null, say('no_halls')), h('p', null, say('no_halls_how'))),
  )

export const failure = (what, onAgain) =>
  h(
    'div',
    { class: 'card' },
    h('p', { class: 'error', role: 'alert' }, what),
    h('button', { class: 'primary', type: 'button', onclick: onAgain }, say('again')),
  )

const centre = (content) => h('div', { class: 'centre' }, content)

export const loading = () =>
  h(
    'div',
    { 'aria-label': say('loading'), class: 'grid' },
    ['', '', '', 'w5', 'w7', 'w7', 'w5'].map((width) => {
      const box = s('svg', { viewBox: '0 0 10 6', class: 'skeleton' })
      return h('div', { class: `panel ${width}` }, box)
    }),
  )
