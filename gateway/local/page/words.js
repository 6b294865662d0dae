/** What device types are called, what reasons, links and alarms mean; others are shown as they come. */
const types = {
  call_pad: ['呼叫器', 'call pad'],
  counter_display: ['窗口显示屏', 'counter display'],
  ff68_pad: ['呼叫器（FF 68）', 'call pad (FF 68)'],
  ff68_rater: ['评价器（FF 68）', 'rating pad (FF 68)'],
  hall_display: ['大厅显示屏', 'hall display'],
  id_card_reader: ['身份证阅读器', 'ID-card reader'],
  pin_pad: ['密码键盘', 'PIN pad'],
  rating_pad: ['评价器', 'rating pad'],
  service_password_pad: ['服务密码键盘', 'service-password pad'],
  ticket_panel: ['取号面板', 'ticket panel'],
  ticket_printer: ['小票打印机', 'ticket printer'],
  xfs4iot: ['自助设备服务', 'kiosk service'],
}
export const reasons = {
  answers: ['有应答', 'answers'],
  status: ['有应答', 'answers'],
  connected: ['已连接，尚无数据', 'connected, not heard yet'],
  heard: ['有数据', 'heard from'],
  'not yet connected': ['尚未连接', 'not yet connected'],
  no_answer: ['无应答', 'no answer'],
  silent: ['线路通，无应答', 'silent'],
  device_gone: ['找不到设备', 'not there'],
  timed_out: ['连接超时', 'no connection in time'],
  wrong_place: ['位置不符', 'wrong place'],
  stranger: ['未登记的设备', 'not registered'],
  card_present: ['有证件', 'a card lies there'],
  device_refused: ['无法打开', 'cannot be opened'],
  flooding: ['不停发送', 'sends without end'],
  bus_jammed: ['总线被占用', 'the line is jammed'],
  unsupported: ['缺少系统库', 'a system library is missing'],
  wrong_device: ['应答的是另一类设备', 'another kind of device answers'],
  'wrong device': ['应答的是另一台设备', 'another device answers'],
  not_authorised: ['安全模块未授权', 'its security module is not authorised'],
  self_test_failed: ['安全模块自检失败', 'its security module failed its self test'],
  paper_out: ['缺纸', 'out of paper'],
  paper_low: ['纸将尽', 'paper nearly used up'],
  cover_open: ['上盖打开', 'cover is open'],
  cutter_error: ['切刀卡住', 'cutter is stuck'],
  media_jammed: ['卡纸或卡证', 'paper or card jammed'],
  password_refused: ['密码被拒', 'password refused'],
  password_needed: ['需要密码', 'asks for a password'],
  differs: ['与设定不符', 'set otherwise than wished'],
  error: ['报告故障', 'reports an error'],
  offline: ['报告脱机', 'says it is off line'],
  'no key loaded': ['未装入密钥', 'no key loaded'],
  'mask refused': ['会显示数字', 'would show digits'],
  clear_digits: ['明文发送数字', 'sends digits in clear'],
  'clear_digits not accepted': ['配置未接受明文', 'clear digits not accepted in its settings'],
  no_status: ['不报告状态', 'reports no status'],
  unknown_state: ['上报的状态未知', 'state it reports is unknown'],
  unauthorised: ['证书不受信任', 'certificate not trusted'],
  config_invalid: ['配置有误', 'wrong configuration'],
  unconfirmed: ['看不到身份', 'identity not confirmed'],
}

/** By what the system or the broker calls them, within a longer text. */
const links = {
  ECONNREFUSED: ['控制中心未运行或端口不对', 'nobody listens there: is the controller running?'],
  ECONNRESET: ['连接被对方断开', 'cut off by the other side'],
  ENOTFOUND: ['找不到主机名', 'no such host name'],
  EAI_AGAIN: ['域名解析失败', 'host name cannot be looked up'],
  EHOSTUNREACH: ['网络不通', 'host cannot be reached'],
  ENETUNREACH: ['网络不通', 'network cannot be reached'],
  ETIMEDOUT: ['连接超时', 'no connection in time'],
  'in time': ['应答超时', 'no answer in time'],
  'link lost': ['连接中断', 'connection lost'],
  'ot authorized': ['凭证被拒', 'credential refused'],
  certificate: ['证书不受信任', 'certificate not trusted'],
}

/** What the hall log found out about itself. */
export const alarms = {
  disk_full: [
    '磁盘或日志配额已满：新业务被拒绝，请清理磁盘或恢复与云端的连接',
    'The disk or the quota of the log is full: new business is refused. Make room, or bring the link to the cloud back',
  ],
  log_damaged: [
    '日志文件曾损坏，已另存；缺口已记录在案',
    'The log file was damaged and set aside; the gap is on record',
  ],
  log_missing: [
    '日志文件曾丢失；未上传的记录可能缺失，已记录在案',
    'The log file was missing; what the cloud had not confirmed may be lost, as is on record',
  ],
  log_restored: [
    '日志文件曾从旧备份恢复，已另起纪元继续',
    'The log file was put back from an older copy; a new epoch goes on behind it',
  ],
  log_diverged: [
    '本机日志与云端不一致，已另起纪元，双方均入账',
    'This log and the cloud’s copy differ; a new epoch goes on and both sides are booked',
  ],
  cloud_lacks_parent: [
    '云端缺少本日志之前的记录，可能恢复过旧备份',
    'The cloud lacks what this log stands behind: its database may be an older copy',
  ],
  cloud_lacks_pruned: [
    '云端缺少本机已清理的记录，可能恢复过旧备份',
    'The cloud lacks records that are pruned here: its database may be an older copy',
  ],
  receipt_hash_not_mine: [
    '云端回执与本机日志不符，已停止清理',
    'A receipt of the cloud does not fit this log; nothing is pruned',
  ],
  receipt_went_back: [
    '云端回执倒退，已忽略',
    'A receipt of the cloud went back and is not followed',
  ],
}

const states = {
  online: '在线',
  offline: '离线',
  power_off: '断电',
  no_device: '无设备',
  hardware_error: '硬件故障',
  user_error: '需人工处理',
  device_busy: '忙',
  fraud_attempt: '欺诈',
  potential_fraud: '疑似欺诈',
  starting: '启动中',
  not_configured: '未配置',
  unsupported: '不支持',
  stale: '数据陈旧',
  up: '已连接',
  connecting: '连接中',
  waiting: '等待重连',
  closed: '已关闭',
}
/** Where the code itself is no plain English. */
const statesEn = { up: 'connected', waiting: 'waiting to connect again', stale: 'last known' }

const said = (words, code, lang) =>
  Object.hasOwn(words, code) ? words[code][lang === 'zh' ? 0 : 1] : code
export const stateText = (state, lang) =>
  lang === 'zh' ? (states[state] ?? state) : (statesEn[state] ?? state.replaceAll('_', ' '))
export const alarmText = (alarm, lang) => said(alarms, alarm, lang)
export const typeName = (type, lang) => said(types, type, lang)
/** What stands behind a colon is the device's own: kept as it is. */
export function reasonText(reason, lang) {
  if (Object.hasOwn(reasons, reason)) return said(reasons, reason, lang)
  const [head, ...rest] = reason.split(': ')
  return rest.length === 0 ? reason : [said(reasons, head, lang), ...rest].join(': ')
}

/** Null where there is no word for it. */
export function linkText(reason, lang) {
  const found = Object.entries(links).find(([part]) => reason.includes(part))
  return found === undefined ? null : found[1][lang === 'zh' ? 0 : 1]
}
