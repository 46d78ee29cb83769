# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of the status page. It needs nothing but itself: no font, no picture, no script."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #16191d; --soft: #545d69; --line: #d9dee4;
  --good: #0f6235; --good-bed: #dff3e6; --bad: #9c1410; --bad-bed: #fde6e4; --odd: #6d4300; --odd-bed: #fcefcf;
  --calm-bed: #e9ecf0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1115; --card: #161a20; --ink: #e8ebef; --soft: #a2acb8; --line: #2b323b;
    --good: #7fdda4; --good-bed: #12301f; --bad: #ffa39b; --bad-bed: #431714; --odd: #f2c970; --odd-bed: #382a0b;
    --calm-bed: #232932;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
main, header { max-width: 78rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; }
main { padding-bottom: 3rem; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
h3 { margin: 0; font-size: 1.1rem; display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; }
p { margin: .3rem 0; }
a { color: inherit; }
a:focus-visible, summary:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; border-radius: 4px; }
.soft { color: var(--soft); }
.code { font: .875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
.headline { padding: .7rem 1rem; margin: .8rem 0 0; border-radius: .6rem; font-weight: 600; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1rem; margin: 0 0 .8rem; }
.state { display: inline-flex; gap: .4em; align-items: baseline; padding: .05rem .55rem; border-radius: 1rem;
  font-weight: 600; font-size: .9rem; white-space: nowrap; }
.state b { font-weight: 800; }
.ready { color: var(--good); background: var(--good-bed); }
.waiting, .absent, .wrong { color: var(--bad); background: var(--bad-bed); }
.unknown, .deleting { color: var(--odd); background: var(--odd-bed); }
.empty, .notice { color: var(--soft); background: var(--calm-bed); }
ul { margin: 0; padding: 0; list-style: none; }
.remark { display: grid; grid-template-columns: 7rem 1fr; gap: .2rem .8rem;
  padding: .6rem 0; border-top: 1px solid var(--line); }
.remark:first-child { border-top: 0; padding-top: 0; }
.remark:last-child { padding-bottom: 0; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem .45rem 0; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: .8rem; font-weight: 600; }
tbody th { font-weight: 600; }
td.amount { white-space: nowrap; }
td:last-child { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .6rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); font-size: .8rem; font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin-top: .6rem; }
summary { cursor: pointer; padding: .2rem 0; }
.tree ul { margin-left: .45rem; padding-left: .95rem; border-left: 1px solid var(--line); }
.tree li { padding: .15rem 0; overflow-wrap: anywhere; }
.tree .state { font-size: .8rem; }
.bars { margin-top: .8rem; }
@media (max-width: 64rem) {
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  table, tbody, tr, th, td { display: block; }
  tr { border-top: 1px solid var(--line); padding: .6rem 0; }
  tbody tr:first-child { border-top: 0; padding-top: 0; }
  tbody th, td { border-top: 0; padding: .1rem 0; }
  tbody th { font-size: 1.05rem; padding-bottom: .2rem; }
  td { display: grid; grid-template-columns: 8.5rem 1fr; gap: .5rem; }
  td::before { content: attr(data-label); color: var(--soft); font-size: .85rem; }
  td > * { justify-self: start; }
  td.none { display: none; }
}
@media (max-width: 40rem) { .remark { grid-template-columns: 1fr; } }
@media print { details > * { display: block; } .card { break-inside: avoid; } }
"""
