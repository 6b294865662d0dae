/**
 * The installer's page: asks /status and /devices every two seconds and shows them, in Chinese or
 * English. The token stays in this tab. Everything is set as text, so nothing shown can be markup.
 */
import { alarmText, linkStateText, linkText, reasonText, stateText, typeName } from './words.js'

const texts = {
  zh: {
    token: '访问令牌',
    login: '登录',
    logout: '退出',
    devices: '设备',
    frames: '报文',
    frames_note: '只显示命令、长度与状态，不显示证件内容。点击设备查看其报文。',
    head: '日志末条',
    epoch: '纪元',
    unbooked: '未入账记录',
    oldest: '最早未入账',
    skew: '与云端时差',
    link: '云端连接',
    clock: '业务时间',
    disk: '磁盘',
    owner: '归属',
    version: '版本',
    not_owner: '另一台网关负责本厅：继续记录，不上传',
    owner_ok: '本网关负责',
    none: '无',
    device: '设备',
    type: '类型',
    state: '状态',
    reason: '原因',
    since: '起始',
    at: '位置',
    counter: '窗口',
    identity: '标识',
    plain: '证件以明文经过网络',
    stale: '无法读取状态，显示的是旧数据：',
    unknown: '尚未测得',
    waits: '等待设定时间',
    stepped: '步进',
    booked_to: '已入账至',
    attempts: '尝试次数',
    refused: '令牌无效，或不是安装人员的令牌',
    age: '前',
    config: '配置版本',
    todo: '处理办法',
    alarm_seen: '已处理',
    alarm_ask: '此告警已有人处理，不再显示：{alarm}',
    touch: '触摸识别（5 分钟）',
    touch_end: '结束触摸识别',
    touch_note:
      '按任一按键或放置证件：此处显示是哪台设备，显示屏显示位置号。无人值守的窗口才会响应；其间取号机不出号。',
    touched: '触摸过：',
    report: '验收单',
    confirm_stranger: '登记更换为此设备',
    confirm_wrong_place: '确认移到此处',
    confirm_ask: '从现在起，位置 {device} 的设备是 {identity}。确定？',
    wrong_place: '此设备属于 {belongs}，证件与按键暂不受理',
    stranger: '应为 {expected}，证件与按键暂不受理',
    unconfirmed: '看不到身份：应为 {expected}，证件与按键暂不受理',
    assumed: '按以下假设工作，尚无第二来源证实',
    low: '将尽',
    out: '用完',
    paper: '纸',
    record: '录制此设备（10 分钟）',
    record_end: '结束录制',
    record_file: '下载录制文件',
    record_note: '录制开始时设备会重新连接。证件以合成数据代替，密码与按键不录。',
    record_ask: '录制会断开 {device} 并重新连接，进行中的密码输入或打印会中断。确定？',
    recording: '录制中',
    recorded: '已录制',
  },
  en: {
    token: 'Access token',
    login: 'Log in',
    logout: 'Log out',
    devices: 'Devices',
    frames: 'Frames',
    frames_note:
      'Command, length and status only; never the content of a card. Choose a device to see its frames.',
    head: 'Log head',
    epoch: 'Epoch',
    unbooked: 'Unbooked records',
    oldest: 'Oldest unbooked',
    skew: 'Skew to the cloud',
    link: 'Link to the cloud',
    clock: 'Fact time',
    disk: 'Disk',
    owner: 'Ownership',
    version: 'Version',
    not_owner: 'Another gateway owns this hall: this one records and ships nothing',
    owner_ok: 'This gateway owns the hall',
    none: 'none',
    device: 'Device',
    type: 'Type',
    state: 'State',
    reason: 'Reason',
    since: 'Since',
    at: 'At',
    counter: 'Counter',
    identity: 'Identity',
    plain: 'Cards cross the network in clear',
    stale: 'The state cannot be read; what is shown is old: ',
    unknown: 'not measured yet',
    waits: 'waiting to be set',
    stepped: 'stepped',
    booked_to: 'booked to',
    attempts: 'Attempts:',
    refused: 'This token is not valid, or is none of an installer',
    age: 'ago',
    config: 'Config version',
    todo: 'What to do',
    alarm_seen: 'Seen',
    alarm_ask: 'Somebody has looked after this, and it need not be shown any more: {alarm}',
    touch: 'Identify by touch (5 min)',
    touch_end: 'End identify by touch',
    touch_note:
      'Press a key or lay a card: it shows here which device that was, and displays show their place’s number. Only counters without a clerk take part; ticket panels give no tickets meanwhile.',
    touched: 'Touched:',
    report: 'Commissioning report',
    confirm_stranger: 'Record this one as the replacement',
    confirm_wrong_place: 'Confirm that it moved here',
    confirm_ask: 'From now on the device at {device} is {identity}. Sure?',
    wrong_place: 'Belongs to {belongs}: its cards and keys are held back',
    stranger: '{expected} belongs here: this one’s cards and keys are held back',
    unconfirmed:
      'Identity not confirmed: {expected} belongs here, its cards and keys are held back',
    assumed: 'Works on these assumptions, which no second source confirms',
    low: 'low',
    out: 'out',
    paper: 'paper',
    record: 'Record this device (10 min)',
    record_end: 'End the recording',
    record_file: 'Download the recording',
    record_note:
      'The device connects anew when it begins. Cards are replaced by synthetic ones; PINs and keys are not recorded.',
    record_ask:
      'Recording disconnects {device} and connects it again: a PIN entry or a print under way is cut off. Sure?',
    recording: 'recording',
    recorded: 'recorded',
  },
}
const POLL_MS = 2000
const byId = (id) => document.getElementById(id)
let lang = localStorage.getItem('lang') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en')
let token = sessionStorage.getItem('token')
let chosen = null
let timer = 0
let last = null

const t = (key) => texts[lang][key]
const fill = (key, values) => t(key).replaceAll(/\{(\w+)\}/g, (_, name) => values[name] ?? '')
function time(ms) {
  if (ms === null) return t('none')
  const locale = lang === 'zh' ? 'zh-CN' : 'en-GB'
  const at = new Date(ms)
  try {
    return at.toLocaleString(locale, { timeZone: last?.status.zone ?? undefined })
  } catch {
    return at.toLocaleString(locale)
  }
}
/** To the millisecond, in the hall's zone. */
function timeOfDay(ms) {
  const parts = { hour: '2-digit', minute: '2-digit', second: '2-digit' }
  const options = { ...parts, fractionalSecondDigits: 3, hourCycle: 'h23' }
  try {
    const timeZone = last?.status.zone ?? undefined
    return new Date(ms).toLocaleTimeString('en-GB', { ...options, timeZone })
  } catch {
    return new Date(ms).toLocaleTimeString('en-GB', options)
  }
}
const mib = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`

function el(name, text, className) {
  const node = document.createElement(name)
  if (text !== undefined) node.textContent = text
  if (className) node.className = className
  return node
}

function titled(node, title) {
  node.title = title
  return node
}

function age(since_ms, now_ms) {
  if (since_ms === null) return t('none')
  const s = Math.max(0, Math.round((now_ms - since_ms) / 1000))
  const [sec, min, hour] = lang === 'zh' ? ['秒', '分钟', '小时'] : ['s', 'min', 'h']
  const parts =
    s < 60
      ? `${s} ${sec}`
      : s < 3600
        ? `${Math.floor(s / 60)} ${min}`
        : `${(s / 3600).toFixed(1)} ${hour}`
  return lang === 'zh' ? `${parts}${t('age')}` : `${parts} ${t('age')}`
}

function fact(name, value, note, className) {
  const box = el('div')
  const dd = el('dd', value, className)
  if (note) dd.append(el('small', note))
  box.append(el('dt', t(name)), dd)
  return box
}

function showStatus(s) {
  const name = s.hall_name?.[lang] ?? s.hall ?? t('none')
  byId('hall').textContent = name
  document.title = name
  byId('gateway').textContent = s.gateway
  const { state, reason, attempts } = s.link
  const why = linkText(reason, lang) ?? reason
  const skew = s.skew === null ? t('unknown') : `${s.skew.skew_ms} ms ± ${s.skew.skew_error_ms} ms`
  const clock = s.clock.set ? time(s.clock.wall_ms) : t('waits')
  const booked =
    s.log.receipted === null
      ? t('none')
      : `${s.log.receipted.epoch.slice(0, 8)} / ${s.log.receipted.seq}`
  byId('facts').replaceChildren(
    fact('head', `${s.log.head.seq}`, s.log.head.hash),
    fact('epoch', `${s.log.epoch_number}`, s.log.epoch),
    fact(
      'unbooked',
      `${s.log.unbooked}`,
      `${t('booked_to')} ${booked}`,
      s.log.unbooked > 0 ? 'warn' : 'good',
    ),
    fact('oldest', age(s.log.unbooked_since_ms, s.clock.wall_ms ?? Date.now())),
    fact(
      'link',
      why ? `${linkStateText(state, lang)} · ${why}` : linkStateText(state, lang),
      `${t('attempts')} ${attempts}${why === reason ? '' : ` · ${reason}`}`,
      state === 'up' ? 'good' : 'bad',
    ),
    fact('skew', skew),
    fact('clock', clock, s.clock.source === 'stepped' ? t('stepped') : ''),
    fact('disk', `${mib(s.disk.used_bytes)} / ${mib(s.disk.quota_bytes)}`),
    fact('owner', t(s.not_owner ? 'not_owner' : 'owner_ok'), '', s.not_owner ? 'bad' : 'good'),
    fact('version', s.version, `${t('config')} ${s.config_version}`),
  )
  byId('alarms').replaceChildren(
    ...s.alarms.map((alarm) => {
      const item = titled(el('li', alarmText(alarm, lang)), alarm)
      if (s.log.alarms.includes(alarm)) item.append(' ', clearButton(alarm))
      return item
    }),
  )
}

/** What the log found out about itself stays until somebody has seen it. */
function clearButton(alarm) {
  const button = el('button', t('alarm_seen'))
  button.type = 'button'
  button.addEventListener('click', () => {
    if (window.confirm(fill('alarm_ask', { alarm: alarmText(alarm, lang) })))
      act('/alarms/clear', { alarm })
  })
  return button
}

/** Whoever marks a name to copy it keeps it. */
const isMarking = () => !document.getSelection().isCollapsed

function deviceRow(d, now_ms) {
  const row = el('tr')
  row.tabIndex = 0
  row.ariaSelected = String(d.device === chosen)
  const tone = d.state === 'online' ? 'good' : d.state === 'starting' ? 'warn' : 'bad'
  row.append(
    el('td', d.device),
    titled(el('td', typeName(d.type, lang)), d.type),
    el('td', d.counter ?? ''),
    el('td', stateText(d.state, lang), tone),
    titled(el('td', reasonText(d.reason, lang)), d.reason),
    todoCell(d),
    titled(el('td', age(d.since_ms, now_ms)), time(d.since_ms)),
    el('td', d.at),
    el('td', d.identity ?? '', 'identity'),
  )
  if (last.touches.touched.some((touch) => touch.device === d.device)) row.className = 'touched'
  const choose = () => {
    chosen = d.device
    show()
  }
  row.addEventListener('click', () => isMarking() || choose())
  row.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') choose()
  })
  return row
}

/** What is wrong and what to do about it: at most a line for each, and a button where a person decides. */
function todoCell(d) {
  const cell = el('td', undefined, 'todo')
  const say = (text, tone) => cell.append(el('p', text, tone))
  if (d.plain_link) say(t('plain'), 'bad')
  if (d.advice) say(d.advice[lang], 'warn')
  for (const [name, level] of Object.entries(d.consumables)) {
    if (level !== 'ok') say(`${texts[lang][name] ?? name}: ${t(level)}`, 'warn')
  }
  for (const [name, value] of Object.entries(d.readings)) say(`${name}: ${value}`)
  for (const [name, value] of Object.entries(d.facts)) say(`${name}: ${value}`)
  const { state } = d.binding
  if (state === 'unconfirmed' && d.state === 'online') say(fill(state, d.binding), 'bad')
  if (state === 'wrong_place' || state === 'stranger') {
    say(fill(state, d.binding), 'bad')
    const button = el('button', t(`confirm_${state}`))
    button.type = 'button'
    button.addEventListener('click', (event) => {
      event.stopPropagation()
      confirmBinding(d)
    })
    cell.append(button)
  }
  return cell
}

async function confirmBinding({ device, binding: { identity } }) {
  if (!window.confirm(fill('confirm_ask', { device, identity }))) return
  await act(`${pathOf(device)}/binding`, { identity })
}

async function act(path, body) {
  try {
    await ask(path, body)
  } catch (error) {
    byId('stale').textContent = error.message
    byId('stale').hidden = false
  }
  refresh()
}

/** As a file, so that it is kept with the papers of the hall and printed from anywhere. */
async function openFile(path, name) {
  const answer = await fetch(path, { headers: { authorization: `Bearer ${token}` } })
  if (!answer.ok) return refresh()
  const link = el('a')
  link.href = URL.createObjectURL(await answer.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), POLL_MS)
}

function showTouch({ until_ms, touched }) {
  const on = until_ms !== null
  byId('touch').textContent = t(on ? 'touch_end' : 'touch')
  const names = [...new Set(touched.map(({ device }) => device))].join(', ')
  byId('touch_note').textContent = on
    ? `${t('touch_note')} ${t('touched')} ${names || t('none')}`
    : ''
}

function showDevices(devices, now_ms) {
  const columns = [
    'device',
    'type',
    'counter',
    'state',
    'reason',
    'todo',
    'since',
    'at',
    'identity',
  ]
  byId('columns').replaceChildren(...columns.map((name) => el('th', t(name))))
  const focused = byId('devices').contains(document.activeElement) ? document.activeElement : null
  const at = [...byId('devices').children].indexOf(focused)
  byId('devices').replaceChildren(...devices.map((d) => deviceRow(d, now_ms)))
  byId('devices').children[at]?.focus()
  const found = devices.find((d) => d.device === chosen)
  byId('chosen').textContent = found ? `· ${found.device}` : ''
  const assumed = (found?.assumptions ?? []).map((one) => el('li', one[lang]))
  byId('assumed').replaceChildren(
    ...(assumed.length > 0 ? [el('li', t('assumed'), 'lead'), ...assumed] : []),
  )
  showRecording(found?.device, last.recordings)
  byId('frames').replaceChildren(...(found?.frames ?? []).toReversed().map(frameRow))
}

function showRecording(device, recordings) {
  const one = recordings.find((r) => r.device === device)
  const on = one?.state === 'recording'
  byId('recording').hidden = !device
  byId('record').textContent = t(on ? 'record_end' : 'record')
  byId('record').onclick = () => {
    if (on) return act(`${pathOf(device)}/recording/stop`, {})
    if (window.confirm(fill('record_ask', { device }))) act(`${pathOf(device)}/recording`, {})
  }
  byId('record_file').hidden = !one || on
  const kib = `${Math.ceil((one?.bytes ?? 0) / 1024)} KiB`
  const said = one ? `${t(on ? 'recording' : 'recorded')}: ${time(one.started_ms)}, ${kib}. ` : ''
  byId('record_note').textContent = said + t('record_note')
}

const pathOf = (device) => `/devices/${encodeURIComponent(device)}`

function frameRow(f) {
  const row = el('tr')
  row.append(
    el('td', timeOfDay(f.at_ms)),
    el('td', f.direction === 'in' ? '←' : '→'),
    el('td', f.command),
    el('td', `${f.length} B`),
    el('td', f.status),
  )
  return row
}

function show() {
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en'
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t)
  byId('lang').textContent = lang === 'zh' ? 'English' : '中文'
  byId('logout').textContent = t('logout')
  byId('logout').hidden = token === null
  byId('login').hidden = token !== null
  byId('content').hidden = token === null || last === null
  if (last === null) return
  showStatus(last.status)
  showTouch(last.touches)
  showDevices(last.devices, last.status.clock.wall_ms ?? Date.now())
}

async function ask(path, body) {
  const headers = { authorization: `Bearer ${token}` }
  const write = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const answer = await fetch(path, { headers, ...write })
  if (answer.ok) return answer.json()
  const { code, text } = await answer.json().catch(() => ({ code: String(answer.status) }))
  throw Object.assign(new Error(text?.[lang] ?? code), { status: answer.status })
}

async function refresh() {
  clearTimeout(timer)
  if (token === null) return
  try {
    const [status, { devices }] = await Promise.all([ask('/status'), ask('/devices')])
    // Not there before the devices are started: the page shows what there is.
    const touches = await ask('/touch').catch(() => ({ until_ms: null, touched: [] }))
    const { recordings } = await ask('/recordings').catch(() => ({ recordings: [] }))
    if (token === null) return
    last = { status, devices, touches, recordings }
    byId('stale').hidden = true
    sessionStorage.setItem('token', token)
    if (!isMarking()) show()
  } catch (error) {
    if (error.status === 401 || error.status === 403) return leave(t('refused'))
    byId('stale').textContent = t('stale') + error.message
    byId('stale').hidden = false
    show()
  }
  timer = setTimeout(refresh, POLL_MS)
}

function leave(why) {
  clearTimeout(timer)
  token = null
  last = null
  sessionStorage.removeItem('token')
  byId('trouble').textContent = why
  show()
}

byId('insecure').hidden = document.documentElement.dataset.insecure !== 'yes'
byId('lang').addEventListener('click', () => {
  lang = lang === 'zh' ? 'en' : 'zh'
  localStorage.setItem('lang', lang)
  show()
})
byId('logout').addEventListener('click', () => leave(''))
byId('login').addEventListener('submit', (event) => {
  event.preventDefault()
  token = byId('token').value.trim()
  byId('token').value = ''
  byId('trouble').textContent = ''
  refresh()
})
byId('touch').addEventListener('click', () => {
  act('/touch', { minutes: last?.touches.until_ms === null ? 5 : 0 })
})
byId('report').addEventListener('click', () =>
  openFile('/commissioning', `commissioning-${last.status.hall ?? 'hall'}.html`),
)
byId('record_file').addEventListener('click', () =>
  openFile(`${pathOf(chosen)}/recording`, `${chosen}.jsonl`),
)
show()
refresh()
