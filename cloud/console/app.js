/**
 * The live page: reads halls over the API, hears over server-sent events what changed, and reads
 * that again. Connects again by itself and says so while it cannot; nothing is ever made up.
 */
import { h, renewAge } from './dom.js'
import * as floor from './floor.js'
import * as frame from './frame.js'
import * as view from './views.js'
import { currentLanguage, preferredLanguage, say, setLanguage } from './words.js'

/** The server beats every 15 s; silence for longer than this is a dead line. */
const SILENCE_MS = 40_000
const AGAIN_MS = 2_500
/** The page reads at most this often. */
const READ_EVERY_MS = 600
const ONLY_MOST = 100
const REJECTED_MOST = 20
const BIN_MS = 5_000
const BINS = 60
const MINUTE_MS = 60_000

const app = document.getElementById('app')

const state = {
  session: null,
  link: 'connecting',
  halls: new Map(),
  loaded: false,
  hall: null,
  /** Of the shown hall's business day; null where they cannot be read. */
  ratings: null,
  /** The first records of the shown hall that are not usable; null where there are none. */
  rejected: null,
  trouble: null,
  wrongToken: false,
  find: '',
  /** Controller's clock less ours. */
  offset_ms: 0,
  lastSeen_ms: Date.now(),
  shown: new Map(),
  /** Records booked per hall over the last minutes: [{at, records}]. */
  samples: new Map(),
}

const selected = () => decodeURIComponent(location.hash.slice(2)) || [...state.halls.keys()][0]
const now = () => Date.now() + state.offset_ms

/* reading */

async function read(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json' } })
  if (answer.status === 401) throw Object.assign(new Error('unauthorised'), { status: 401 })
  const body = await answer.json()
  if (!answer.ok)
    throw Object.assign(new Error(body.text ?? answer.status), { status: answer.status })
  return body
}

async function readHalls(only) {
  const some = only !== undefined && only.length <= ONLY_MOST
  const list = await read(some ? `/api/halls?only=${only.join(',')}` : '/api/halls')
  if (!some) state.halls = new Map()
  for (const hall of list) keep(hall)
  state.halls = new Map([...state.halls].sort(([a], [b]) => (a < b ? -1 : 1)))
  state.loaded = true
}

async function readHall() {
  const id = selected()
  if (id === undefined) return
  try {
    const hall = await read(`/api/halls/${encodeURIComponent(id)}`)
    const [ratings, rejected] = await Promise.all([readRatings(hall), readRejected(hall)])
    if (id !== selected()) return
    state.hall = hall
    state.ratings = ratings
    state.rejected = rejected
    state.trouble = null
  } catch (error) {
    if (error.status === 401 || error.status === undefined) throw error
    state.hall = null
    state.trouble = error.status === 404 ? say('not_found', id) : say('failed', error.message)
  }
}

function readRatings({ hall, day }) {
  const only = day === null ? '' : `?day=${encodeURIComponent(day)}`
  return readPart(`/api/halls/${encodeURIComponent(hall)}/ratings${only}`)
}

function readRejected({ hall, rejected }) {
  if (rejected === 0) return null
  return readPart(`/api/halls/${encodeURIComponent(hall)}/rejected?limit=${REJECTED_MOST}`)
}

/** The page is whole without it, so an answer that is none takes nothing else away. */
async function readPart(path) {
  try {
    return await read(path)
  } catch (error) {
    if (error.status === undefined) throw error
    return null
  }
}

function keep(hall) {
  state.halls.set(hall.hall, hall)
  const samples = state.samples.get(hall.hall) ?? []
  samples.push({ at: Date.now(), records: hall.records })
  while (samples.length > 2 && samples[1].at < Date.now() - BIN_MS * BINS) samples.shift()
  state.samples.set(hall.hall, samples)
}

/* what changed is read again, never two reads at once */

let dirty = new Set()
let everything = false
let reading = false

async function refresh() {
  if (reading) return
  reading = true
  try {
    while (everything || dirty.size > 0) {
      const [all, halls] = [everything, [...dirty]]
      everything = false
      dirty = new Set()
      await Promise.all([
        readHalls(all ? undefined : halls),
        (all || halls.includes(selected())) && readHall(),
      ])
      if (state.hall === null && state.trouble === null) await readHall()
      if (!isMarking()) draw()
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS))
    }
  } catch (error) {
    // Not at once: a door that is shut for one read only would be knocked at without end.
    if (error.status === 401) return setTimeout(begin, READ_EVERY_MS)
    if (error.status !== undefined) state.trouble = say('failed', error.message)
    draw()
  } finally {
    reading = false
  }
}

/* the line */

let source = null
let watchdog = 0

function listen() {
  source?.close()
  source = new EventSource('/api/stream')
  source.addEventListener('hello', (event) => {
    heard(event)
    everything = true
    refresh()
  })
  // Also where nothing is booked: what was a minute ago becomes nothing a minute.
  source.addEventListener('beat', (event) => {
    heard(event)
    if (!isMarking()) draw()
  })
  source.addEventListener('changed', (event) => {
    for (const { hall } of heard(event).halls) dirty.add(hall)
    refresh()
  })
  source.onerror = lost
  watch()
}

function heard(event) {
  const data = JSON.parse(event.data)
  state.offset_ms = data.now_ms - Date.now()
  state.lastSeen_ms = Date.now()
  if (state.link !== 'live') {
    state.link = 'live'
    draw()
  }
  watch()
  return data
}

function watch() {
  clearTimeout(watchdog)
  watchdog = setTimeout(lost, SILENCE_MS)
}

function lost() {
  source?.close()
  clearTimeout(watchdog)
  state.link = 'lost'
  draw()
  setTimeout(begin, AGAIN_MS)
}

async function begin() {
  try {
    state.session = await read('/api/session')
  } catch {
    return lost()
  }
  if (state.session.credential === null) {
    source?.close()
    clearTimeout(watchdog)
    return draw()
  }
  listen()
}

async function logIn(token) {
  const body = JSON.stringify({ token })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch('/login', { method: 'POST', headers, body }).catch(() => null)
  state.wrongToken = answer?.ok !== true
  if (state.wrongToken) return draw()
  begin()
}

/* drawing */

function rate(hall) {
  const samples = state.samples.get(hall) ?? []
  const end = Math.ceil(Date.now() / BIN_MS) * BIN_MS
  const at = (time) =>
    samples.findLast((sample) => sample.at <= time)?.records ?? samples[0]?.records ?? 0
  const edges = Array.from({ length: BINS + 1 }, (_, i) => at(end - (BINS - i) * BIN_MS))
  const bins = edges.slice(1).map((records, i) => Math.max(0, records - edges[i]))
  const records = Math.max(0, at(Date.now()) - at(Date.now() - MINUTE_MS))
  return { bins, records, seen_ms: seenOf(samples) }
}

/** A page that was just opened knows of no whole minute yet. */
const seenOf = (samples) => Math.min(MINUTE_MS, Date.now() - (samples[0]?.at ?? Date.now()))

function rateOfAll(halls) {
  const rates = halls.map(({ hall }) => rate(hall))
  const records = rates.reduce((sum, one) => sum + one.records, 0)
  return { records, seen_ms: Math.max(0, ...rates.map(({ seen_ms }) => seen_ms)) }
}

/** Whoever marks something to copy it keeps it. */
const isMarking = () => !document.getSelection().isCollapsed

function draw() {
  const typing = document.activeElement?.id
  const scroll = document.querySelector('.halls')?.scrollTop ?? 0
  app.replaceChildren(...parts())
  app.removeAttribute('aria-busy')
  app.className = state.link === 'lost' ? 'stale' : ''
  for (const element of document.querySelectorAll('time[data-since]')) renewAge(element, now())
  const list = document.querySelector('.halls')
  if (list !== null) list.scrollTop = scroll
  if (typing) document.getElementById(typing)?.focus()
}

function parts() {
  const halls = [...state.halls.values()]
  const { lastSeen_ms } = state
  // Nobody is connected while the login is shown.
  const link = state.session?.credential === null ? null : state.link
  const insecure = state.session?.insecure ?? []
  return [
    frame.topBar({ link, halls, rate: rateOfAll(halls), onLanguage: otherLanguage }),
    ...frame.bars({ insecure, link, lastSeen_ms, zone: state.hall?.zone }),
    content(halls),
  ]
}

function content(halls) {
  if (state.session?.credential === null) {
    return frame.loginView({ wrong: state.wrongToken, onToken: logIn })
  }
  if (state.loaded && halls.length === 0) return frame.noHalls()
  return h('div', { class: 'body' }, hallList(halls), h('main', null, hallPage()))
}

function hallList(halls) {
  const input = h('input', {
    id: 'find',
    type: 'search',
    placeholder: say('find'),
    value: state.find,
  })
  input.addEventListener('input', () => {
    state.find = input.value
    items.replaceChildren(...found(halls))
  })
  const items = h('ul', null, found(halls))
  return h(
    'nav',
    { class: 'halls', 'aria-label': say('halls') },
    h('header', null, h('h2', null, say('halls')), h('span', null, String(halls.length))),
    halls.length > 8 && input,
    items,
  )
}

function found(halls) {
  const wanted = state.find.trim().toLowerCase()
  const hits = halls.filter(({ hall, name }) =>
    `${hall} ${name.zh} ${name.en}`.toLowerCase().includes(wanted),
  )
  if (hits.length === 0 && halls.length > 0) return [h('li', { class: 'quiet' }, say('none_found'))]
  return hits.map((hall) => h('li', null, frame.hallItem(hall, hall.hall === selected())))
}

function hallPage() {
  const { hall, trouble } = state
  const again = () => {
    state.trouble = null
    everything = true
    refresh()
  }
  if (trouble !== null) return frame.failure(trouble, again)
  if (hall === null) return frame.loading()
  const ratings = floor.ratingsPanel(state.ratings)
  return [
    view.hallHead(hall),
    view.alarmList(hall),
    view.figures(hall),
    h(
      'div',
      { class: 'grid' },
      view.queuePanel(hall),
      view.countersPanel(hall, state.shown),
      view.callsPanel(hall),
      view.entriesPanel(hall),
      view.moneyPanel(hall),
      view.balancesPanel(hall),
      view.completenessPanel(hall, rate(hall.hall)),
      view.rejectedPanel(hall, state.rejected),
      floor.devicesPanel(hall, ratings),
      ratings,
    ),
  ]
}

function otherLanguage() {
  setLanguage(currentLanguage() === 'zh' ? 'en' : 'zh')
  localStorage.setItem('hallway.language', currentLanguage())
  draw()
}

addEventListener('hashchange', () => {
  state.hall = null
  state.ratings = null
  state.rejected = null
  state.trouble = null
  draw()
  dirty.add(selected())
  refresh()
})

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-since]')) renewAge(element, now())
}, 1_000)

setLanguage(preferredLanguage())
draw()
begin()
