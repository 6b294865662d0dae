/** The three halls of the demonstration: who they are, what they offer, what
 * stands there, how busy they are. */
import type { HallRules } from '#devices/contract/hall-rules.ts'
import type { MoreHardware } from '../people/more-hardware.ts'

export type DemoHall = {
  hall: string
  rules: HallRules
  /** What stands there beyond panel, printer, call pads and readers. */
  more: MoreHardware
  clerks: Readonly<Record<string, string>>
  /** Seconds between two people on average. */
  arrival_s: number
  /** Seconds at a counter on average. */
  service_s: number
}

const classes: HallRules['classes'] = [
  { class: 'ordinary', name: { zh: '普通', en: 'Ordinary' }, credit_s: 0 },
  { class: 'priority', name: { zh: '优先', en: 'Priority' }, credit_s: 90 },
]

type Offer = readonly [service: string, prefix: string, zh: string, en: string]

const RATING_KEYS = 5

type About = { counters: string[]; offers: Offer[]; rated?: boolean }

function rules(zh: string, en: string, more: About): HallRules {
  return {
    hall_name: { zh, en },
    zone: 'Asia/Shanghai',
    services: more.offers.map(([service, prefix, nameZh, nameEn]) => ({
      service,
      name: { zh: nameZh, en: nameEn },
      band: { prefix, first: 1, last: 9_999, digits: 4 },
    })),
    classes,
    counters: more.counters,
    guard_window_ms: 1_500,
    ...(more.rated
      ? { raters: more.counters.map((counter) => ({ counter, keys: RATING_KEYS })) }
      : {}),
  }
}

export const demoHalls: readonly DemoHall[] = [
  {
    hall: 'telecom-01',
    rules: rules('城南电信营业厅', 'South City telecom hall', {
      counters: ['c1', 'c2', 'c3', 'c4'],
      offers: [
        ['plans', 'A', '套餐业务', 'Plans'],
        ['payments', 'B', '缴费充值', 'Payments'],
        ['broadband', 'C', '宽带业务', 'Broadband'],
      ],
      rated: true,
    }),
    more: { raters: 'ff68_rater', wall_display: true },
    clerks: { c1: 'li-na', c2: 'wang-lei', c3: 'zhang-min', c4: 'chen-jie' },
    arrival_s: 5,
    service_s: 16,
  },
  {
    hall: 'bank-01',
    rules: rules('人民路支行', 'Renmin Road branch', {
      counters: ['c1', 'c2', 'c3'],
      offers: [
        ['personal', 'A', '个人业务', 'Personal'],
        ['corporate', 'B', '对公业务', 'Corporate'],
      ],
      rated: true,
    }),
    more: { raters: 'rating_pad', pin_pads: ['c1'], displays: ['c2'] },
    clerks: { c1: 'zhao-yun', c2: 'qian-li', c3: 'sun-yue' },
    arrival_s: 8,
    service_s: 20,
  },
  {
    hall: 'gov-01',
    rules: rules('滨江政务服务中心', 'Binjiang government centre', {
      counters: ['c1', 'c2', 'c3', 'c4'],
      offers: [
        ['household', 'A', '户籍业务', 'Household register'],
        ['social', 'B', '社会保障', 'Social security'],
        ['business', 'C', '企业开办', 'Business registration'],
        ['tax', 'D', '税务业务', 'Tax'],
      ],
    }),
    more: { pads_share_a_line: true, displays: ['c1'] },
    clerks: { c1: 'zhou-qi', c2: 'wu-fan', c3: 'zheng-he', c4: 'feng-xue' },
    arrival_s: 7,
    service_s: 24,
  },
]
