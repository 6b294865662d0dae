/** Every word the page says, in English and Chinese, and how it prints times and money. */

const words = {
  device: ['Device', '设备'],
  kind: ['Type', '类型'],
  reason: ['Reason', '原因'],
  device_since: ['Since', '起始'],
  well_of: ['{0} of {1} in order', '{1} 台中 {0} 台正常'],
  ratings: ['Ratings', '评价'],
  average: ['average', '平均分'],
  answered_of: ['{0} of {1} asked', '询问 {1} 人，{0} 人评价'],
  unattributed: ['Presses that belong to no visit', '不属于任何业务的按键'],
  score: ['{0} of 5', '{0} 分'],
  title: ['Controller', '控制中心'],
  live: ['Live', '实时'],
  connecting: ['Connecting', '连接中'],
  lost: ['Connection lost', '连接已断开'],
  lost_long: [
    'Connection lost. What you see is from {0}. Trying again by itself.',
    '连接已断开。当前显示的是 {0} 的数据，正在自动重连。',
  ],
  insecure: [
    'Not protected: {0}. Do not use this in production.',
    '未加密：{0}。请勿用于生产环境。',
  ],
  halls: ['Halls', '营业厅'],
  halls_online: ['{0} of {1} online', '在线 {0} / {1}'],
  find: ['Find a hall', '查找营业厅'],
  none_found: ['No hall matches.', '没有匹配的营业厅。'],
  no_halls: ['No halls yet', '还没有营业厅'],
  no_halls_how: [
    'Create one with POST /api/halls and give its one-time token to a gateway. It appears here by itself.',
    '用 POST /api/halls 新建营业厅，把一次性令牌交给网关，之后会自动出现在这里。',
  ],
  loading: ['Loading', '加载中'],
  failed: ['Could not be read: {0}', '读取失败：{0}'],
  again: ['Try again', '重试'],
  not_found: ['There is no hall {0}.', '没有营业厅 {0}。'],
  login: ['Log in', '登录'],
  login_how: [
    'Paste the administrator’s token. It is in the file admin-token in the controller’s data folder.',
    '请粘贴管理员令牌。令牌在控制中心数据目录的 admin-token 文件中。',
  ],
  token: ['Administrator’s token', '管理员令牌'],
  login_wrong: ['This token is not valid.', '令牌无效。'],
  present: ['Online', '在线'],
  gone: ['Offline', '离线'],
  unknown: ['Not heard yet', '尚无消息'],
  since: ['for {0}', '已 {0}'],
  gateway: ['Gateway', '网关'],
  waiting: ['Waiting', '等候'],
  longest_wait: ['Longest wait', '最长已等'],
  served_today: ['Served today', '今日已办'],
  mean_wait: ['Mean wait', '平均等候'],
  money_today: ['Money today', '今日收款'],
  complete_to_record: ['Complete to record', '完整至记录'],
  records: ['Records booked', '已入账记录'],
  per_minute: ['{0} records / min', '{0} 条/分'],
  in_seconds: ['{0} records in {1} s', '{1} 秒内 {0} 条'],
  people: ['{0} waiting', '{0} 人'],
  day: ['Business day', '营业日'],
  day_open: ['open', '营业中'],
  day_closed: ['closed', '已结束'],
  day_none: ['no business day yet', '尚未开始营业'],
  queue: ['Queue', '排队'],
  nobody: ['Nobody is waiting.', '当前无人等候。'],
  more: ['and {0} more', '另有 {0} 人'],
  counters: ['Counters', '窗口'],
  no_counters: ['No counter has been signed in yet.', '还没有窗口签到。'],
  busy_of: ['{0} of {1} busy', '{1} 个在岗，{0} 个办理中'],
  state_closed: ['closed', '未签到'],
  state_free: ['free', '空闲'],
  state_called: ['calling', '叫号中'],
  state_serving: ['serving', '办理中'],
  calls: ['Last calls', '最近叫号'],
  no_calls: ['No calls yet today.', '今日尚未叫号。'],
  number: ['Number', '号码'],
  service: ['Service', '业务'],
  counter: ['Counter', '窗口'],
  waited: ['Waited', '等候时长'],
  at: ['At', '时间'],
  outcome: ['State', '状态'],
  outcome_called: ['called', '已叫号'],
  outcome_serving: ['serving', '办理中'],
  outcome_done: ['done', '已办结'],
  outcome_no_show: ['no-show', '未到'],
  outcome_left: ['left', '离开'],
  outcome_voided: ['voided', '作废'],
  outcome_waiting: ['waiting', '等候'],
  money: ['Money', '资金'],
  no_money: ['Nothing booked yet today.', '今日尚无入账。'],
  total: ['Total', '合计'],
  tender_cash: ['Cash', '现金'],
  tender_card: ['Card', '银行卡'],
  tender_wechat: ['WeChat Pay', '微信支付'],
  tender_alipay: ['Alipay', '支付宝'],
  tender_mobile: ['Mobile', '移动支付'],
  ledger: ['Ledger, all days', '总账（累计）'],
  debit: ['Debit', '借方'],
  credit: ['Credit', '贷方'],
  balanced: ['balanced', '借贷相等'],
  unbalanced: ['does not balance', '借贷不平'],
  entries: ['Last entries', '最近分录'],
  no_entries: ['No entries yet.', '尚无分录。'],
  entry_sale: ['order', '订单'],
  entry_reversal: ['reversal', '冲正'],
  balances: ['Balances', '账户余额'],
  account: ['Account', '账户'],
  account_till: ['Till {0}', '钱箱 {0}'],
  account_service: ['Service {0}', '业务 {0}'],
  balance_sign: ['Balance, debit +', '余额（借方为正）'],
  amount: ['Amount', '金额'],
  postings: ['Postings', '记账'],
  devices: ['Devices', '设备'],
  no_devices: ['The gateway has named no devices.', '网关尚未上报设备。'],
  completeness: ['Completeness', '完整性'],
  head: ['Head', '链头'],
  epoch: ['Epoch', '纪元'],
  gaps: ['Gaps', '缺口'],
  branches: ['Branches', '分支'],
  rejected: ['Records not usable', '未采用记录'],
  record: ['Record', '记录'],
  projection: ['Not in', '未计入'],
  projection_visits: ['visits', '排队记录'],
  projection_ledger: ['ledger', '总账'],
  projection_ratings: ['ratings', '评价'],
  projection_bindings: ['devices', '设备登记'],
  projection_gaps: ['gaps', '缺口'],
  more_records: ['and {0} more', '另有 {0} 条'],
  unbooked: ['On the gateway only', '仅在网关'],
  unbooked_none: ['nothing', '无'],
  unbooked_some: ['{0}, oldest {1}', '{0} 条，最早 {1}'],
  unbooked_unknown: ['not known', '未知'],
  gone_long: [
    'The gateway is not connected. It goes on recording; the figures here follow when it is back.',
    '网关未连接。网关仍在本地记录，恢复连接后此处数据自动补齐。',
  ],
  whole: ['Every record up to {0} is here, unbroken.', '截至第 {0} 条，记录完整无缺。'],
  not_whole: ['Held up to {0}, with what is named below.', '已持有至第 {0} 条，例外如下。'],
  nothing_held: ['No record has arrived yet.', '尚未收到记录。'],
  none: ['none', '无'],
  skew: ['Clock skew', '时钟偏差'],
  fence: ['Owner', '所有者'],
  ms: ['{0} ms', '{0} 毫秒'],
  alarm_not_owner: ['Foreign gateway uses this hall’s credential', '其他网关正在使用本厅凭证'],
  alarm_gap: ['Log has gaps', '日志有缺口'],
  alarm_branch: ['Log has branches', '日志有分支'],
  alarm_rejected: ['Records not usable', '有记录未被采用'],
  alarm_device: ['Devices need attention', '设备需处理'],
  alarm_presence_unreadable: ['Presence messages unreadable', '在线消息无法解析'],
  alarm_batch_unreadable: ['Log batches unreadable', '日志批次无法解析'],
  rate: ['Records per 5 s', '每 5 秒记录数'],
  language: ['中文', 'English'],
}

export const languages = ['en', 'zh']

export function preferredLanguage() {
  const kept = localStorage.getItem('hallway.language')
  if (languages.includes(kept)) return kept
  return navigator.languages.some((name) => name.startsWith('zh')) ? 'zh' : 'en'
}

let language = 'en'
export const currentLanguage = () => language

export function setLanguage(name) {
  language = name
  document.documentElement.lang = name === 'zh' ? 'zh-CN' : 'en'
}

/** The word for `key` with `{0}`, `{1}` filled in; a key without a word is shown as it is. */
export function say(key, ...values) {
  const text = words[key]?.[languages.indexOf(language)] ?? key
  return text.replace(/\{(\d)\}/g, (_, i) => String(values[i] ?? ''))
}

export const known = (key) => key in words

/** Fen as a string of digits: ¥1,234.56, exact at any size. */
export function money(fen) {
  const negative = fen.startsWith('-')
  const digits = fen.replace('-', '').padStart(3, '0')
  const yuan = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${negative ? '−' : ''}¥${yuan}.${digits.slice(-2)}`
}

export const count = (n) => n.toLocaleString('en-US')

/** How long, in two units unless told. */
export function span(ms, units = 2) {
  const s = Math.max(0, Math.floor(ms / 1000))
  const zh = language === 'zh'
  const unit = zh ? ['天', '小时', '分', '秒'] : ['d', 'h', 'm', 's']
  const parts = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60]
  const first = parts.findIndex((part, i) => part > 0 || i === 3)
  return parts
    .slice(first, first + units)
    .map((part, i) => `${part}${unit[first + i]}`)
    .join(' ')
}

/** Time of day in the hall's zone; a dash for a moment that no calendar has. */
export function timeOfDay(ms, zone) {
  if (Number.isNaN(new Date(ms).getTime())) return '–'
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }
  try {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone ?? undefined }).format(ms)
  } catch {
    return new Intl.DateTimeFormat('en-GB', options).format(ms)
  }
}
