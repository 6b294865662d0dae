/** What links and alarms mean; others are shown as they come. What all pages say of devices: floor-words. */
import { reasons, states, types } from './floor-words.js'

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
  cloud_put_back: [
    '云端缺少其已确认的记录，数据库可能由备份恢复；本机仍保留的记录正在补传',
    'The cloud lacks records that it had confirmed, so its database was put back from a copy; what is still here is sent again',
  ],
  records_rejected: [
    '云端保存了但无法采用部分记录（例如重复使用的订单号）：请在控制中心查看是哪些、为什么',
    'The cloud keeps some records that it could not use (an order id used again, say): its live page says which and why',
  ],
  receipt_went_back: [
    '云端回执倒退，已忽略',
    'A receipt of the cloud went back and is not followed',
  ],
}

/** How the link to the cloud stands. */
const linkStates = {
  up: ['已连接', 'connected'],
  connecting: ['连接中', 'connecting'],
  waiting: ['等待重连', 'waiting to connect again'],
  closed: ['已关闭', 'closed'],
}

const said = (words, code, lang) =>
  Object.hasOwn(words, code) ? words[code][lang === 'zh' ? 0 : 1] : code
const told = (words, code, lang) => (Object.hasOwn(words, code) ? words[code][lang] : code)
export const stateText = (state, lang) => told(states, state, lang)
export const linkStateText = (state, lang) => said(linkStates, state, lang)
export const alarmText = (alarm, lang) => said(alarms, alarm, lang)
export const typeName = (type, lang) => told(types, type, lang)
/** What stands behind a colon is the device's own: kept as it is. */
export function reasonText(reason, lang) {
  if (Object.hasOwn(reasons, reason)) return told(reasons, reason, lang)
  const [head, ...rest] = reason.split(': ')
  return rest.length === 0 ? reason : [told(reasons, head, lang), ...rest].join(': ')
}

/** Null where there is no word for it. */
export function linkText(reason, lang) {
  const found = Object.entries(links).find(([part]) => reason.includes(part))
  return found === undefined ? null : found[1][lang === 'zh' ? 0 : 1]
}
