/** Elements and the few shapes that every part of the page is made of. */
import { count, currentLanguage, say, span, timeOfDay } from './words.js'

const SVG = 'http://www.w3.org/2000/svg'
/** An age beyond this is shown as a time of day: the hall's clock is not ours, as in a replay. */
const AGE_MOST_MS = 48 * 3600 * 1000
/** Alarms that say records are missing or somebody else writes. */
export const SERIOUS = new Set(['not_owner', 'gap'])

/** An element; `null` and `false` children are left out. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== null && value !== false) element.setAttribute(name, value)
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== false))
  return element
}

export const local = (name) => name[currentLanguage()] || name.en || name.zh

/** A span that goes on counting; `tick` in app.js renews it. */
export const age = (since_ms, zone, units = 2) =>
  h('time', { 'data-since': since_ms, 'data-zone': zone ?? '', 'data-units': units }, '')

export function renewAge(element, now_ms) {
  const since_ms = Number(element.dataset.since)
  const age_ms = now_ms - since_ms
  element.textContent =
    age_ms > AGE_MOST_MS
      ? timeOfDay(since_ms, element.dataset.zone || undefined)
      : span(age_ms, Number(element.dataset.units))
}

export const empty = (text) => h('p', { class: 'empty' }, text)

export function panel(name, width, aside, ...content) {
  const head = h('header', null, h('h2', null, say(name)), h('span', null, aside ?? ''))
  return h('section', { class: `panel ${width}`, 'data-panel': name }, head, content)
}

export function table(heads, rows) {
  const head = heads.map(([text, kind]) => h('th', { class: kind ?? null }, text))
  return h('table', null, h('thead', null, h('tr', null, head)), h('tbody', null, rows))
}

/** Less than a minute is told as what it is. */
export function rateText({ records, seen_ms }) {
  if (seen_ms >= 60_000) return say('per_minute', count(records))
  return say('in_seconds', count(records), Math.floor(seen_ms / 1000))
}

export const DOTS = { present: 'good', gone: 'bad', unknown: 'hollow' }

export function presence({ state, since_ms }) {
  const since = since_ms === null ? null : age(since_ms)
  return h('span', { class: 'link' }, h('i', { class: `dot ${DOTS[state]}` }), say(state), since)
}
