"""The style sheet of a report: light or dark as the reader's machine, narrow screens, print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f23; --dim: #5d636d; --paper: #ffffff;
  --card: #f5f6f8; --line: #d7dae0; --accent: #1f5fa8; --good: #1a7340; --bad: #b3261e;
  --mark: #ffe28a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --dim: #a3a9b4; --paper: #15171b;
  --card: #1f2228; --line: #393e47; --accent: #7db3f0; --good: #6fce95; --bad: #ff8f86;
  --mark: #6b5200; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.45;
  font-family: system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; color: var(--dim); }
a { color: var(--accent); } nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }
dl.about { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dl.about dt { color: var(--dim); } dl.about dd { margin: 0; overflow-wrap: anywhere; }
dl.numbers { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr));
  gap: .8rem; margin: 0; }
dl.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .9rem; }
dl.numbers dt { color: var(--dim); font-size: .85rem; }
dl.numbers dt code { display: block; font-size: .75rem; }
dl.numbers dd { margin: .2rem 0 0; font-size: 1.5rem; }
.ci { color: var(--dim); font-size: .75rem; white-space: nowrap; font-weight: normal; }
.note { color: var(--dim); font-size: .85rem; margin: .2rem 0 .6rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .7rem; text-align: left;
  vertical-align: top; font-weight: normal; }
thead th { color: var(--dim); font-size: .8rem; }
.figures td { font-variant-numeric: tabular-nums; } .figures td .ci { display: block; }
.texts { width: 100%; } .texts th, .texts td { width: 45%; }
.texts td:last-child { width: 10%; white-space: nowrap; }
.bar { display: inline-block; height: .7em; background: var(--accent); border-radius: 2px; }
.t { font-family: ui-monospace, monospace; font-size: .82rem; margin: 0; white-space: pre-wrap;
  overflow-wrap: anywhere; unicode-bidi: isolate; }
mark { background: var(--mark); color: inherit; border-radius: 2px; }
.ok { color: var(--good); font-size: .8rem; } .bad { color: var(--bad); font-size: .8rem; }
.differs { color: var(--bad); font-size: .85rem; white-space: nowrap; }
img { background: #ffffff; border-radius: .4rem; max-width: 100%; }
img.page { display: block; height: auto; border: 1px solid var(--line); }
img.item { display: block; max-width: 14rem; max-height: 11rem; margin-bottom: .2rem; }
ol.cards, ol.path { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
ol.path { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
ol.cards li, ol.path li { background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; padding: .5rem; min-width: 0; }
.share { color: var(--dim); font-size: .75rem; }
summary { cursor: pointer; color: var(--accent); font-size: .85rem; }
@media print { section { break-inside: avoid; } nav { display: none; } }
"""
