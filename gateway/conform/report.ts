/**
 * The report of a run, as JSON and as one HTML page that needs nothing else. Both languages are in the
 * page, a button changes over. Holds what may be shown only: `run.ts` has seen to that.
 */
import type { Assumption } from '#devices/types/machine.ts'
import type { Bilingual, Verdict } from './kind.ts'
import { countVerdicts, type StepResult } from './run.ts'

export type Language = 'zh' | 'en'

export type Report = {
  v: 1
  type: string
  title: Bilingual
  protocol: string
  at: string
  /** UTC, ISO 8601. */
  began: string
  unattended: boolean
  counts: Record<Verdict, number>
  assumptions: readonly Assumption[]
  steps: readonly StepResult[]
}

export function reportOf(given: Omit<Report, 'v' | 'counts'>): Report {
  return { v: 1, ...given, counts: countVerdicts(given.steps) }
}

export const verdictWords: Readonly<Record<Verdict, Bilingual>> = {
  pass: { zh: '合格', en: 'pass' },
  fail: { zh: '不合格', en: 'fail' },
  differs: { zh: '与我们的假定不同', en: 'differs from our assumption' },
  not_tried: { zh: '未测', en: 'not tried' },
}

const words = {
  title: { zh: '设备符合性报告', en: 'Conformance report' },
  expected: { zh: '应为', en: 'expected' },
  sent: { zh: '发出', en: 'sent' },
  came: { zh: '收到', en: 'came' },
  assumptions: { zh: '我们的假定', en: 'What we assume' },
  nothing: { zh: '（无）', en: '(nothing)' },
  unattended: { zh: '无人值守', en: 'unattended' },
  attended: { zh: '有人操作', en: 'attended' },
  change: { zh: 'English', en: '中文' },
} as const satisfies Record<string, Bilingual>

const style = `
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;
 max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
section{border-left:.4rem solid #999;padding:.2rem 0 .2rem 1rem;margin:1rem 0}
.pass{border-color:#2a7d2a}.fail{border-color:#c22}.differs{border-color:#c80}
.fail b{color:#a00}.differs b{color:#960}.pass b{color:#2a7d2a}
h2{font-size:1rem;margin:0}dd{margin:0}dt{color:#666}
dl{display:grid;grid-template-columns:5rem 1fr;gap:.1rem .5rem;margin:.3rem 0}
html.zh [lang=en]:not(html),html.en [lang=zh]:not(html){display:none}`

/** The one script of the page: the other language. */
const change = "let c=document.documentElement.classList;c.toggle('zh');c.toggle('en')"

export function reportHtml(report: Report, language: Language): string {
  const { type, title, protocol, at, began, unattended, steps, assumptions } = report
  const how = unattended ? words.unattended : words.attended
  return `<!doctype html>
<html lang="${language}" class="${language}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(words.title[language])}: ${escaped(type)}</title><style>${style}</style>
<button onclick="${change}">${both(words.change)}</button>
<h1>${both(words.title)}: ${both(title)}</h1>
<p><code>${escaped(type)}</code> · ${escaped(protocol)} · <code>${escaped(at)}</code>
· ${escaped(began)} · ${both(how)}</p>
<p>${counts(report)}</p>
${steps.map(stepHtml).join('\n')}
${assumed(assumptions)}
</html>
`
}

function counts({ counts: by }: Report): string {
  return (Object.keys(verdictWords) as Verdict[])
    .map((verdict) => `${both(verdictWords[verdict])} ${by[verdict]}`)
    .join(' · ')
}

function stepHtml({ code, title, expected, verdict, says, exchanges }: StepResult): string {
  const lines = exchanges.flatMap(({ sent, came }) => [
    ...(sent === '' ? [] : [[words.sent, `<code>${escaped(sent)}</code>`] as const]),
    [words.came, came === '' ? both(words.nothing) : `<code>${escaped(came)}</code>`] as const,
  ])
  const rows = [[words.expected, both(expected)] as const, ...lines]
  const list = rows.map(([name, value]) => `<dt>${both(name)}</dt><dd>${value}</dd>`).join('')
  return `<section class="${verdict}" id="${escaped(code)}">
<h2><b>${both(verdictWords[verdict])}</b> ${both(title)} <code>${escaped(code)}</code></h2>
<p>${both(says)}</p><dl>${list}</dl></section>`
}

function assumed(assumptions: readonly Assumption[]): string {
  if (assumptions.length === 0) return ''
  const items = assumptions.map((each) => `<li>${both(each)}</li>`).join('')
  return `<h2>${both(words.assumptions)}</h2><ul>${items}</ul>`
}

function both({ zh, en }: Bilingual): string {
  return `<span lang="zh">${escaped(zh)}</span><span lang="en">${escaped(en)}</span>`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
